#!/usr/bin/env bash
# vault-bin.sh [MODULE]: prints the path of a Vault server binary, for the demo
# and the tests:
#   1. $VAULT_BIN, if set;
#   2. the `vault` on PATH, if it is at least 1.19 and runs without a licence;
#   3. the one built from tools/vault, once, and kept in the user's cache.
# With a MODULE, tools/vault-1.19 say, it is the one built from there.
# Only the path goes to stdout, everything else to stderr.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
module=${1:-tools/vault}
min_major=1
min_minor=19

say() { echo "vault-bin: $*" >&2; }
die() {
	say "error: $*"
	exit 1
}

# why_unfit prints why a vault found on PATH cannot be used, nothing if it can.
why_unfit() {
	local out version major minor
	if ! out=$("$1" version 2>/dev/null); then
		echo "\`vault version\` fails"
		return
	fi
	version=$(sed -n 's/^Vault v\([0-9][^ ,]*\).*/\1/p' <<<"$out" | head -n 1)
	if [ -z "$version" ]; then
		echo "\`vault version\` does not answer as Vault does"
		return
	fi
	case "$version" in
	*+ent*)
		echo "version $version is Enterprise, whose server needs a licence"
		return
		;;
	esac
	major=${version%%.*}
	minor=${version#*.}
	minor=${minor%%[!0-9]*}
	if [ "$major" -lt "$min_major" ] || { [ "$major" -eq "$min_major" ] && [ "${minor:-0}" -lt "$min_minor" ]; }; then
		echo "version $version is older than $min_major.$min_minor"
	fi
}

if [ $# -eq 0 ] && [ -n "${VAULT_BIN:-}" ]; then
	path=$(command -v -- "$VAULT_BIN") || path=
	[ -n "$path" ] && [ -f "$path" ] && [ -x "$path" ] ||
		die "VAULT_BIN=$VAULT_BIN is not an executable file; set it to a Vault server binary, or unset it"
	# Absolute, because the callers run it from other folders.
	echo "$(cd "$(dirname "$path")" && pwd)/$(basename "$path")"
	exit 0
fi

if [ $# -eq 0 ] && path=$(command -v vault); then
	reason=$(why_unfit "$path")
	if [ -z "$reason" ]; then
		echo "$path"
		exit 0
	fi
	say "not using $path: $reason"
fi

command -v go >/dev/null || die "Go is needed to build a Vault server; or set VAULT_BIN"

# The module's go.mod is the one place that names the version.
version=$(sed -n 's/^require github.com\/hashicorp\/vault v\([^ ]*\).*/\1/p' "$root/$module/go.mod")
[ -n "$version" ] || die "no version of github.com/hashicorp/vault in $module/go.mod"
cache=${XDG_CACHE_HOME:-${HOME:?HOME or XDG_CACHE_HOME must be set}/.cache}/vault-plugin-secrets-processmaker
bin=$cache/vault-$version-$(go env GOOS)-$(go env GOARCH)

if [ -x "$bin" ]; then
	echo "$bin"
	exit 0
fi

mkdir -p "$cache" && [ -w "$cache" ] || die "cannot write to $cache; set XDG_CACHE_HOME or VAULT_BIN"
lock=$bin.lock
tmp=
ticker=
cleanup() {
	[ -z "$ticker" ] || kill "$ticker" 2>/dev/null || true
	[ -z "$tmp" ] || rm -rf "$tmp" "$lock"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# One builds, the others wait for it; a builder that died is replaced.
nobody=0
until mkdir "$lock" 2>/dev/null; do
	[ "$nobody" -gt 0 ] || say "waiting for another build of Vault $version"
	sleep 1
	if [ -x "$bin" ]; then
		echo "$bin"
		exit 0
	fi
	holder=$(cat "$lock/pid" 2>/dev/null) || holder=
	if [ -n "$holder" ] && kill -0 "$holder" 2>/dev/null; then
		nobody=1
	elif [ "$((nobody += 1))" -gt 5 ]; then
		rm -rf "$lock"
	fi
done
tmp=$lock/pid
echo $$ >"$tmp"
if [ -x "$bin" ]; then
	echo "$bin"
	exit 0
fi
# Built beside its final place and renamed: an interrupted build leaves nothing
# that looks like a server, and two that do not see each other do no harm.
tmp=$(mktemp "$bin.XXXXXX")

say "building Vault $version from $module into $bin"
say "this happens once and takes two to ten minutes (190 MB)"
start=$SECONDS
parent=$$
(
	next=30
	while sleep 2 && kill -0 "$parent" 2>/dev/null; do
		[ $((SECONDS - start)) -ge "$next" ] || continue
		say "still building Vault, $((SECONDS - start)) s so far"
		next=$((next + 30))
	done
) >/dev/null &
ticker=$!

# -tags minimal leaves out the built-in auth methods and engines of others.
(cd "$root/$module" && GOWORK=off CGO_ENABLED=0 go build -buildvcs=false -tags minimal -o "$tmp" .) >&2 ||
	die "building Vault failed; set VAULT_BIN to use a Vault server of your own"

built=$("$tmp" version) || die "the Vault server just built does not run"
chmod 0755 "$tmp"
mv -f "$tmp" "$bin"
say "built $built in $((SECONDS - start)) s"
echo "$bin"
