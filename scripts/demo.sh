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
echo "ProcessMaker (a double of it, over TLS): $pm_url"

step "An operator mounts the engine, tells it where ProcessMaker is, and makes a role."
set_up

step "A pipeline reads a credential: an access token and a lease of one hour."
try vault read processmaker/creds/ci
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

echo
echo "All as it should be."
