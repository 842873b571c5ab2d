#!/usr/bin/env bash
# check-tag.sh TAG: fails unless the source and the changelog are of that version.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
grep -qxF "const version = \"$1\"" version.go || {
	echo "version.go is not of $1" >&2
	exit 1
}
grep -qF "## ${1#v}" CHANGELOG.md || {
	echo "CHANGELOG.md has no section ${1#v}" >&2
	exit 1
}
