#!/usr/bin/env bash
# Fails when a Go file of the repository is not formatted.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
unformatted=$(scripts/lint-tool.sh goimports -l .)
if [ -n "$unformatted" ]; then
	echo "not formatted, run \`make fmt\`:" >&2
	echo "$unformatted" >&2
	exit 1
fi
