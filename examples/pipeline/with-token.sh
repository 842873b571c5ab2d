#!/bin/sh
# with-token.sh COMMAND [ARGUMENT...]
#
# Runs a command with a ProcessMaker token in PROCESSMAKER_TOKEN, and revokes the
# token afterwards, also when the command fails or this script gets a signal (TERM,
# INT, HUP). After `kill -9` the token stays valid until Vault ends its lease, so
# set PROCESSMAKER_TTL to little more than the job takes.
#
# Needs sh, sed and vault, with VAULT_ADDR and VAULT_TOKEN set.
set -eu

creds=${PROCESSMAKER_CREDS:-processmaker/creds/ci}
ttl=${PROCESSMAKER_TTL:-1h}
answer='' job=''

# The CLI prints JSON with one field on a line.
field() { printf '%s\n' "$answer" | sed -n "s/^ *\"$1\": \"\(.*\)\",\{0,1\}\$/\1/p"; }

# With -sync Vault waits for ProcessMaker and returns its result.
revoke() {
	for pause in 1 3 0; do
		vault lease revoke -sync "$1" >/dev/null && return
		sleep "$pause"
	done
	echo "with-token.sh: could not end the token; it lives until its lease $1 ends" >&2
	return 1
}

finish() {
	status=$?
	trap '' TERM INT HUP # a second signal must not stop the revocation
	trap - EXIT
	[ -z "$job" ] || kill "$job" 2>/dev/null || true
	lease=$(field lease_id)
	if [ -n "$lease" ] && ! revoke "$lease" && [ "$status" -eq 0 ]; then
		status=1
	fi
	exit "$status"
}
trap finish EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# With renew_mode=none nobody can extend the lease or replace the token.
answer=$(vault read -format=json "$creds" renew_mode=none ttl="$ttl")
token=$(field access_token)
[ -n "$token" ] || { echo "with-token.sh: there is no token in the answer of $creds" >&2; exit 1; }

# The command runs in the background: a shell handles signals while it waits, and not
# while a command runs in the foreground. The command keeps this script's input.
exec 3<&0
PROCESSMAKER_TOKEN=$token "$@" <&3 3<&- &
job=$!
status=0
wait "$job" || status=$?
job=''
exit "$status"
