#!/usr/bin/env bash
# release-check.sh [OS/ARCH...]: builds the release twice, in two copies of the
# repository, and fails when a byte differs.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for copy in one another/place; do
	mkdir -p "$work/$copy"
	tar --exclude=./.git --exclude=./bin --exclude=./dist -cf - . | tar -C "$work/$copy" -xf -
	"$work/$copy/scripts/release.sh" "$work/$copy/dist" "$@"
done
diff -r "$work/one/dist" "$work/another/place/dist" || {
	echo "two builds of one tree differ" >&2
	exit 1
}
if grep -rqF "$work" "$work/one/dist"; then
	echo "the build's folder is in the release" >&2
	exit 1
fi
cd "$work/one/dist"
while read -r _ file; do
	case "$file" in
	# It is made of Go's own library alone.
	processmaker-audit_*.cdx.json) grep -q '"bomFormat": "CycloneDX"' "$file" && grep -q '"name": "std"' "$file" ;;
	*.cdx.json) grep -q '"bomFormat": "CycloneDX"' "$file" && grep -q '"name": "github.com/hashicorp/vault/api"' "$file" ;;
	*_oci.tar) (cd "$work/one" && GOWORK=off IMAGE_ARCHIVE="$work/one/dist/$file" go -C tools/image test -count=1 .) ;;
	*) go version -m "$file" | grep -q $'\tCGO_ENABLED=0$' ;;
	esac || {
		echo "$file is not what it should be" >&2
		exit 1
	}
done <SHA256SUMS
cat SHA256SUMS
