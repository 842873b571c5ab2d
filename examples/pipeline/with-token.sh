#!/bin/sh
# with-token.sh COMMAND [ARGUMENT...]
#
# Runs a command with a ProcessMaker token in PROCESSMAKER_TOKEN and ends the
# token with it, also when the command fails or this script is told to stop
# (TERM, INT, HUP). Only after `kill -9` nobody is left to do that: the token then
# lives to the end of its lease, when Vault ends it. So let PROCESSMAKER_TTL be
# little more than the job takes.
#
# Needs sh, sed and vault, with VAULT_ADDR and VAULT_TOKEN set. Run with Vault 1.21.1.
set -eu

creds=${PROCESSMAKER_CREDS:-processmaker/creds/ci}
ttl=${PROCESSMAKER_TTL:-1h}
answer='' job=''

# The CLI prints JSON with one field a line.
field() { printf '%s\n' "$answer" | sed -n "s/^ *\"$1\": \"\(.*\)\",\{0,1\}\$/\1/p"; }

# With -sync Vault waits for ProcessMaker, so that its result is the truth.
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

# "none": nobody can lengthen the lease, nor change the token under the job.
answer=$(vault read -format=json "$creds" renew_mode=none ttl="$ttl")
token=$(field access_token)
[ -n "$token" ] || { echo "with-token.sh: there is no token in the answer of $creds" >&2; exit 1; }

# In the background, because a shell hears signals while it waits, but not while
# a command runs in the foreground. The command keeps this script's input.
exec 3<&0
PROCESSMAKER_TOKEN=$token "$@" <&3 3<&- &
job=$!
status=0
wait "$job" || status=$?
job=''
exit "$status"
