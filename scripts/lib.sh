# Shared by demo.sh and dev.sh: a ProcessMaker double and a Vault server in
# development mode with the plugin, on free ports, gone when the script ends.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
plugin=vault-plugin-secrets-processmaker
work=
pids=()

fail() {
	echo "FAILED: $*" >&2
	exit 1
}

# cleanup ends what start_servers started, the last first, and waits for it, so
# that Vault ends its plugins in good order.
cleanup() {
	local status=$? i pid left
	trap - EXIT INT TERM
	if [ "$status" -ne 0 ] && [ "$status" -lt 128 ] && [ -s "$work/vault.log" ]; then
		echo "the end of Vault's log:" >&2
		tail -n 20 "$work/vault.log" >&2
	fi
	for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
		pid=${pids[i]}
		kill "$pid" 2>/dev/null || continue
		for ((left = 100; left > 0; left--)); do
			kill -0 "$pid" 2>/dev/null || break
			sleep 0.1
		done
		kill -9 "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	[ -z "$work" ] || rm -rf "$work"
	exit "$status"
}

# until_true SECONDS PID LOG COMMAND...: waits for the command to succeed while
# the process is there.
until_true() {
	local left=$(($1 * 10)) pid=$2 log=$3
	shift 3
	until "$@" >/dev/null 2>&1; do
		kill -0 "$pid" 2>/dev/null || fail "a server ended while starting; its log: $(tail -n 20 "$log")"
		left=$((left - 1))
		[ "$left" -gt 0 ] || fail "a server is not ready; its log: $(tail -n 20 "$log")"
		sleep 0.1
	done
}

tool() { "$work/bin/demotool" "$@"; }
vault() { "$vault_bin" "$@"; }

# start_servers sets VAULT_ADDR and VAULT_TOKEN for Vault, and pm_url, pm_ca,
# pm_client_id, pm_client_secret, pm_username and pm_password for ProcessMaker.
start_servers() {
	local name
	work=$(mktemp -d)
	# Plugins put their sockets below it, whose names must stay short.
	[ "${#work}" -le 80 ] || { rmdir "$work" && work=$(mktemp -d /tmp/XXXXXXXXXX); }
	trap cleanup EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM

	# Nothing of the caller's own Vault may get in the way.
	for name in $(compgen -e | grep '^VAULT_' | grep -v '^VAULT_BIN$' || true); do
		unset "$name"
	done
	vault_bin=$("$root/scripts/vault-bin.sh")
	[ -x "$root/bin/$plugin" ] || fail "bin/$plugin is not there; run \`make build\`"
	(cd "$root" && GOWORK=off go build -buildvcs=false -o "$work/bin/" ./scripts/demotool ./client/processmakertest/cmd/processmakertest)

	start_processmaker
	start_vault
}

start_processmaker() {
	pm_ca=$work/processmaker-ca.pem
	"$work/bin/processmakertest" -tls -ca-out "$pm_ca" >"$work/processmaker.json" 2>"$work/processmaker.log" &
	pids+=($!)
	until_true 30 $! "$work/processmaker.log" tool field "$work/processmaker.json" url
	pm_url=$(tool field "$work/processmaker.json" url)
	pm_client_id=$(tool field "$work/processmaker.json" client_id)
	pm_client_secret=$(tool field "$work/processmaker.json" client_secret)
	pm_username=$(tool field "$work/processmaker.json" users 1 username)
	pm_password=$(tool field "$work/processmaker.json" users 1 password)
}

start_vault() {
	# Vault starts every file of this folder as a plugin: it holds this one only.
	mkdir -p "$work/plugins" "$work/home"
	cp "$root/bin/$plugin" "$work/plugins/$plugin"
	VAULT_ADDR=http://127.0.0.1:$(tool freeport)
	VAULT_TOKEN=root
	export VAULT_ADDR VAULT_TOKEN
	HOME=$work/home TMPDIR=$work "$vault_bin" server -dev -dev-no-store-token -dev-root-token-id="$VAULT_TOKEN" -log-level="${log_level:-info}" \
		-dev-listen-address="${VAULT_ADDR#http://}" -dev-plugin-dir="$work/plugins" >"$work/vault.log" 2>&1 &
	pids+=($!)
	until_true 60 $! "$work/vault.log" plugin_known
}

plugin_known() { vault plugin list secret | grep "^$plugin "; }

# try COMMAND...: shows the command as one would type it, runs it, and shows
# what it prints, with tokens shortened; what it printed stays in $output.
try() {
	echo
	printf '$ %s\n' "$(shown "$@")"
	if ! output=$("$@" 2>&1); then
		echo "$output"
		fail "the command above"
	fi
	shorten <<<"$output"
}

# shown prints a command with the paths of this run left out, and quotes only
# where a shell needs them.
shown() {
	local word text=
	for word in "$@"; do
		word=${word//"$work/"/}
		case "$word" in
		*[!A-Za-z0-9_./:=@%+,-]*) word="'$word'" ;;
		esac
		text+="$word "
	done
	echo "${text% }"
}

# shorten cuts the middle out of access tokens, which have a thousand characters.
shorten() { sed -E 's/(eyJ[A-Za-z0-9_-]{12})[A-Za-z0-9_.-]{60,}/\1.../g'; }

# column NAME: one value of the table in $output.
column() { awk -v name="$1" '$1 == name { print $2; exit }' <<<"$output"; }

# call TOKEN STATUS: calls ProcessMaker's API with the token, and requires the status.
call() {
	local answer
	answer=$(tool call "$pm_ca" "$pm_url/api/1.0/users/$pm_user_id" "$1")
	echo "  GET /api/1.0/users/$pm_user_id -> $answer"
	[ "${answer%% *}" = "$2" ] || fail "ProcessMaker was to answer $2"
}

# outcome TOKEN STATUS: as call, without showing more than the outcome.
outcome() {
	local answer
	answer=$(tool call "$pm_ca" "$pm_url/api/1.0/users/$pm_user_id" "$1")
	echo
	echo "  ProcessMaker answers ${answer%% *} to that token"
	[ "${answer%% *}" = "$2" ] || fail "ProcessMaker was to answer $2"
}

# let_carol_in makes a login for carol, a role of named tokens that she may
# read, and an audit log tuned as docs/audit.md says. carol is her entity,
# carol_token her Vault token.
let_carol_in() {
	local keys
	keys=(credential_id token_id user_id username client_id role credential_type renew_mode error)
	vault audit enable file file_path="$work/audit.log" >/dev/null
	vault secrets tune "${keys[@]/#/-audit-non-hmac-response-keys=}" processmaker/ >/dev/null
	vault write processmaker/roles/jobs credential_type=personal_access_token username="$pm_username" password="$pm_password" >/dev/null
	vault policy write people - >/dev/null <<<'path "processmaker/creds/jobs" { capabilities = ["read"] }'
	vault auth enable userpass >/dev/null
	vault write auth/userpass/users/carol password=carol-password token_policies=people >/dev/null
	carol=$(vault write -field=id identity/entity name=carol)
	vault write identity/entity-alias name=carol canonical_id="$carol" \
		mount_accessor="$(vault read -field=accessor sys/auth/userpass)" >/dev/null
	carol_token=$(vault write -field=token auth/userpass/login/carol password=carol-password)
}

# set_up makes mount, config and the role worker.
set_up() {
	try vault secrets enable -path=processmaker "$plugin"
	try vault write processmaker/config url="$pm_url" ca_cert=@"$pm_ca" \
		client_id="$pm_client_id" client_secret="$pm_client_secret"
	try vault write processmaker/roles/worker username="$pm_username" password="$pm_password" renew_mode=refresh ttl=1h max_ttl=24h
}

# live_tokens asks the double itself, not the engine, how many tokens are alive.
live_tokens() { tool count "$pm_ca" "$pm_url/_test/live"; }
