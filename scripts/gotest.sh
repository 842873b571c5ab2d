#!/usr/bin/env bash
# gotest.sh ARGS...: `go test -v ARGS` without the lines that only say that a
# test was started, paused or continued, and with a line of totals at the end.
set -euo pipefail

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# A "=== " line is kept only where a test's own output follows: it says whose.
quieter='
/^=== /                     { held = $0; next }
/^ *--- |^PASS|^FAIL|^ok  / { held = ""; print; fflush(); next }
                            { if (held != "") print held; held = ""; print; fflush() }
'

status=0
go test -v "$@" 2>&1 | tee "$log" | awk "$quieter" || status=1

count() { grep -cE "$1" "$log" || true; }
echo "$(count '^ *--- PASS: ') passed, $(count '^ *--- FAIL: ') failed, $(count '^ *--- SKIP: ') skipped;" \
	"packages: $(count $'^ok  \t') ok, $(count $'^FAIL\t') failed"
exit "$status"
