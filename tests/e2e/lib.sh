# For the end-to-end tests: the real program, the sandbox over real sockets, and sqlite3.
# To be sourced by a script that got the folder of the built programs as $1.
set -euo pipefail

bin=$(realpath "$1")
queued=$bin/daemon/kdocs-queued
sandbox=$bin/tests/sandbox/kdocs-sandbox
here=$(realpath "$(dirname "${BASH_SOURCE[0]}")")
source "$here/expect.sh"
work=$(mktemp -d)
db=$work/queue.db
token=s3cret-$RANDOM-$RANDOM-token
sandbox_pid= ill_pid= daemon_pid= web_pid=

finish() {
  local code=$?
  kill -CONT $daemon_pid $sandbox_pid $ill_pid $web_pid 2>/dev/null || true
  kill -KILL $daemon_pid $sandbox_pid $ill_pid $web_pid 2>/dev/null || true
  { wait $daemon_pid $sandbox_pid $ill_pid $web_pid || true; } 2>/dev/null # without the shell's word about it
  if [ $code != 0 ] && [ -f "$work/daemon.log" ]; then
    echo "--- last lines of the daemon:" >&2
    tail -n 30 "$work/daemon.log" >&2
  fi
  rm -rf "$work"
  return $code
}
trap finish EXIT

# The user's shell: sqlite3 with the timeout that the README shows.
sql() { sqlite3 -cmd '.timeout 20000' "$db" "$@"; }

all_ended() {
  [ "$(sql "SELECT sum(jobs) FROM job_counts WHERE state IN ('queued','submitting','running')")" = 0 ]
}

# start_sandbox [OPTION...]: sets base_url.
start_sandbox() {
  rm -f "$work/port"
  "$sandbox" --port "${sandbox_port:-0}" --port-file "$work/port" --token "$token" \
    --ledger "$work/ledger" "$@" > "$work/sandbox.log" 2>&1 &
  sandbox_pid=$!
  wait_for 20 "the sandbox" test -s "$work/port"
  sandbox_port=$(cat "$work/port")
  base_url=${scheme:-http}://127.0.0.1:$sandbox_port
}

# admin METHOD PATH [BODY]
admin() { curl -sS --fail -k -X "$1" "$base_url$2" ${3:+--data "$3"}; }

# service SQL: a question to the sandbox's ledger, which stands as JSON in ledger(j).
service() {
  admin GET /admin/ledger > "$work/summary.json"
  sqlite3 :memory: "WITH ledger(j) AS (SELECT CAST(readfile('$work/summary.json') AS TEXT)) $1"
}
served() { service "SELECT coalesce(json_extract(j, '\$.received.$1'), 0) FROM ledger"; }

write_token() {
  (umask 077 && printf '%s\n' "$token" > "$work/token")
}

# start_daemon [OPTION...]
start_daemon() {
  write_token
  "$queued" run --database "$db" --base-url "$base_url" --token-file "$work/token" "$@" \
    >> "$work/daemon.log" 2>&1 &
  daemon_pid=$!
  wait_for 20 "the daemon" grep -qsx "$daemon_pid" "$db.lock" # the database may be older than it
  wait_for 20 "the schema" sql "SELECT 1 FROM jobs LIMIT 1"
}

stop_daemon() {
  local code=0
  kill -TERM $daemon_pid
  wait $daemon_pid || code=$?
  daemon_pid=
  expect "exit code of a daemon that was asked to stop" 0 $code
}

# consent_address LOGFILE: where the login that writes it sends a person; waits for it.
consent_address() {
  wait_for 20 "the address" grep -qs '^  http' "$1"
  sed -n 's/^  \(http.*\)$/\1/p' "$1"
}

# paste_login OPTION...: a login by pasting what a browser ends on, which it sets as pasted.
paste_login() {
  rm -f "$work/login.log"
  mkfifo "$work/paste"
  "$queued" login "$@" > "$work/login.log" 2>&1 < "$work/paste" & local login=$!
  exec 8> "$work/paste"
  pasted=$(curl -sS -o /dev/null -w '%{redirect_url}' "$(consent_address "$work/login.log")")
  echo "$pasted" >&8
  exec 8>&-
  rm "$work/paste"
  wait $login || { cat "$work/login.log" >&2; fail "the login by pasting"; }
}
