#!/usr/bin/env bash
# lint-tool.sh TOOL ARGS...: runs a tool of the version that tools/lint pins,
# which Go builds and keeps.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec go tool -modfile=tools/lint/go.mod "$@"
