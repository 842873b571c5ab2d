#!/usr/bin/env bash
# A Vault server with the engine mounted and the roles ci and worker, and the ProcessMaker
# double it talks to, until Ctrl-C.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Who works on the plugin wants to see what it does.
export log_level=debug
start_servers
set_up
try vault write processmaker/roles/ci username="$pm_username" password="$pm_password" renew_mode=none ttl=1h

alias_line=
if [ "$(type -P vault || true)" != "$vault_bin" ]; then
	alias_line="  alias vault='$vault_bin'"$'\n'
fi

cat <<END

Ready. In another terminal:

${alias_line}  export VAULT_ADDR=$VAULT_ADDR VAULT_TOKEN=$VAULT_TOKEN

  vault read processmaker/creds/ci
  vault read processmaker/creds/worker
  vault lease renew <lease_id>          # a new token, the old one is dead
  vault lease revoke -sync <lease_id>   # nothing is left alive
  vault read processmaker/creds/worker renew_mode=extend

ProcessMaker: $pm_url (CA: $pm_ca)
Log of Vault and the plugin: $work/vault.log

Ctrl-C ends both servers.
END

# Either server ending by itself is an error; Ctrl-C is the way out.
trap 'echo; exit 0' INT
wait -n "${pids[@]}" || true
fail "a server ended by itself"
