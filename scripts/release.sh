#!/usr/bin/env bash
# release.sh FOLDER [OS/ARCH...]: builds the release into FOLDER: for each
# platform a static binary of the plugin and of each program for people, with
# their CycloneDX bills of materials; for Linux an image with the plugin, in an
# archive of an OCI layout; and SHA256SUMS.
# The same commit and the same Go give the same bytes, wherever it is built.
set -euo pipefail

mkdir -p "$1"
out=$(cd "$1" && pwd)
shift
cd "$(dirname "${BASH_SOURCE[0]}")/.."
platforms=("$@")
if [ ${#platforms[@]} -eq 0 ]; then
	platforms=({linux,darwin,windows}/{amd64,arm64})
fi

plugin=vault-plugin-secrets-processmaker
# Those of scripts/ that are of use without this repository.
programs=(authorize audit)
version=$(sed -n 's/^const version = "\(v[^"]*\)"$/\1/p' version.go)
[ -n "$version" ] || { echo "no version in version.go" >&2; exit 1; }

# Whatever of the caller's could change the bytes.
unset GOAMD64 GOARM64 GOEXPERIMENT GOFIPS140
export CGO_ENABLED=0 GOWORK=off GOFLAGS='-trimpath -buildvcs=false'

# build NAME PACKAGE: one binary for the platform, and its bill of materials.
build() {
	local name=$1_${version}_${os}_${arch} file
	file=$name
	[ "$os" != windows ] || file=$name.exe
	echo "$file"
	GOOS=$os GOARCH=$arch go build -ldflags='-s -w -buildid=' -o "$out/$file" "$2"
	# Out of the binary itself, so that it lists what was linked and no more.
	go tool -modfile=tools/release/go.mod cyclonedx-gomod bin -json -std -licenses \
		-noserial -notimestamp -version "$version" -output "$out/$name.cdx.json" "$out/$file" 2>"$out/.log" || {
		cat "$out/.log" >&2
		exit 1
	}
	rm -f "$out/.log"
}

rm -f "$out/$plugin"_* "$out"/processmaker-*_* "$out/SHA256SUMS"
images=()
for platform in "${platforms[@]}"; do
	os=${platform%/*} arch=${platform#*/}
	build "$plugin" .
	for program in "${programs[@]}"; do
		build "processmaker-$program" "./scripts/$program"
	done
	[ "$os" != linux ] || images+=("$arch=$out/${plugin}_${version}_linux_$arch")
done
if [ ${#images[@]} -gt 0 ]; then
	echo "${plugin}_${version}_oci.tar"
	go -C tools/image run . "$out/${plugin}_${version}_oci.tar" "$plugin" "$version" "${images[@]}"
fi
cd "$out"
sha256=(sha256sum)
command -v sha256sum >/dev/null || sha256=(shasum -a 256)
"${sha256[@]}" ./*_v* | sed 's|  \./|  |' >SHA256SUMS
