#!/usr/bin/env bash
# The life of a credential on a real Vault server, step by step. Ends by
# itself, with an error if a step differs from what it should do.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

step() {
	echo
	echo "--- $*"
}

start_servers
vault version
echo "ProcessMaker (a double of it with Passport ${PROCESSMAKERTEST_PASSPORT:-12}, over TLS): $pm_url"

step "An operator mounts the engine, tells it where ProcessMaker is, and makes a role."
set_up

step "A program reads a credential: an access token and a lease of one hour."
try vault read processmaker/creds/worker
first=$(column access_token)
lease=$(column lease_id)
pm_user_id=$(column user_id)
[ -n "$first" ] && [ -n "$lease" ] || fail "no token or no lease in the answer"
echo
call "$first" 200

step "It renews the lease: a new token, and the old one is dead."
try vault lease renew -increment=2h "$lease"
second=$(column access_token)
[ -n "$second" ] && [ "$second" != "$first" ] || fail "no new token in the answer"
echo
echo "  the old token:"
call "$first" 401
echo "  the new token:"
call "$second" 200

step "It is done and revokes the lease: the token ends at ProcessMaker itself."
try vault lease revoke -sync "$lease"
echo
call "$second" 401
alive=$(live_tokens)
echo "  tokens alive at ProcessMaker: $alive"
[ "$alive" = 0 ] || fail "a token is still alive"

step "A person, carol, logs in to Vault and reads a named token."
let_carol_in
VAULT_TOKEN=$carol_token try vault read processmaker/creds/jobs
third=$(column access_token)
outcome "$third" 200

step "An auditor finds its name in ProcessMaker. Two commands: whose is it, and end it."
name=$(tool names "$pm_ca" "$pm_url/_test/live")
echo "  ProcessMaker's list: $name"
credential=${name##*:}
try vault read processmaker/credentials/"$credential"
[ "$(column entity_id)" = "$carol" ] || fail "the record does not name carol's entity"
try vault write -f processmaker/credentials/"$credential"/revoke
outcome "$third" 401

step "An auditor finds a line in Vault's audit log. Two commands: whose is it, and end it."
VAULT_TOKEN=$carol_token vault read -field=access_token processmaker/creds/jobs >"$work/token"
grep '"path":"processmaker/creds/jobs"' "$work/audit.log" | tail -n 1 >"$work/line.json"
entity=$(tool field "$work/line.json" auth entity_id)
credential=$(tool field "$work/line.json" response data credential_id)
echo "  auth.entity_id: $entity"
echo "  response.data.credential_id: $credential"
echo "  response.data.access_token: $(tool field "$work/line.json" response data access_token)"
try vault read -field=name identity/entity/id/"$entity"
[ "$output" = carol ] || fail "the log does not name carol"
try vault write -f processmaker/credentials/"$credential"/revoke
outcome "$(<"$work/token")" 401

vault delete processmaker/sessions/jobs >/dev/null
alive=$(live_tokens)
echo
echo "Tokens alive at ProcessMaker in the end: $alive"
[ "$alive" = 0 ] || fail "a token is still alive"
echo "All as it should be."
