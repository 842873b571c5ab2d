#!/usr/bin/env bash
# step.sh NAME COMMAND...: runs the command, says what runs and how long it took.
set -uo pipefail

name=$1
shift
echo "==> $name"
start=$SECONDS
"$@"
status=$?
if [ "$status" -eq 0 ]; then
	echo "==> $name: ok, $((SECONDS - start)) s"
else
	echo "==> $name: FAILED, $((SECONDS - start)) s" >&2
fi
exit "$status"
