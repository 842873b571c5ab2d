#!/usr/bin/env bash
# Fails when `go generate` would change a file of the repository. It works in a
# copy, so that a check never changes what it checks.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
if ! grep -rq --include='*.go' '^//go:generate ' .; then
	echo "nothing is generated"
	exit 0
fi
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
mkdir "$copy/before"
tar --exclude=./.git --exclude=./bin --exclude=./dist -cf - . | tar -C "$copy/before" -xf -
cp -R "$copy/before" "$copy/after"
(cd "$copy/after" && go generate ./...)
diff -ru "$copy/before" "$copy/after" || {
	echo "run \`go generate ./...\`" >&2
	exit 1
}
