#!/usr/bin/env bash
# Fails when `go mod tidy` would change a module of the repository.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
status=0
while IFS= read -r file; do
	(cd "$(dirname "$file")" && go mod tidy -diff) || {
		echo "not tidy: $file" >&2
		status=1
	}
done < <(find . -name go.mod -not -path './bin/*' -not -path './dist/*' | sort)
exit "$status"
