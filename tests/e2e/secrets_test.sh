#!/bin/bash
# usage: secrets_test.sh BUILD-FOLDER
# Everything at the most verbose level, with a service that fails in every way and echoes what it got:
# the token is in no output and not in the database.
source "$(dirname "$0")/lib.sh"

start_sandbox --verbose
cat > "$work/config.json" <<'JSON'
{"log_level": "debug", "apps": {"default": {"requests_per_second": 0}}}
JSON
for kind in garbage truncate drop_before drop_after oversize; do
  admin POST /admin/faults "{\"endpoint\": \"any\", \"kind\": \"$kind\", \"count\": 2, \"probability\": 0.5}" > /dev/null
done
admin POST /admin/faults '{"endpoint": "any", "kind": "status", "http_status": 502, "count": 1}' > /dev/null
admin POST /admin/faults '{"endpoint": "any", "kind": "code", "code": 10001, "count": 1}' > /dev/null

"$queued" check --config "$work/config.json" --database "$db" --token-file "$work/token" > "$work/check.log" 2>&1 || true
start_daemon --config "$work/config.json"
"$queued" check --config "$work/config.json" --database "$db" --token-file "$work/token" >> "$work/check.log" 2>&1 || true
grep -q 'Max core file size  *0  *0 ' /proc/$daemon_pid/limits || fail "a core dump may be written"
[ "$(cat /proc/$daemon_pid/coredump_filter)" = 00000000 ] || fail "a core dump may hold memory"
sql "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30)
     INSERT INTO jobs(file_token, script, script_name) SELECT 'f' || i, 'console.log(1)', 'n' FROM n"
wait_for 120 "30 jobs through faults" all_ended

# The service refuses the token: the sentence that says so must not show it.
admin POST /admin/token '{"token": "another"}' > /dev/null
sql "INSERT INTO jobs(file_token, script) VALUES('f', '1')"
wait_for 30 "the refusal" grep -qi "token" "$work/daemon.log"
kill -TERM $daemon_pid
wait $daemon_pid || true
daemon_pid=

[ -s "$work/daemon.log" ] || fail "the daemon logged nothing at level debug"
for output in "$work/daemon.log" "$work/check.log" "$work/sandbox.log" "$db" "$db-wal"; do
  [ ! -e "$output" ] || ! grep -q -a -F "$token" "$output" || fail "the token is in $(basename "$output")"
done
! sql .dump | grep -q -F "$token" || fail "the token is in the database"
echo "ok"
