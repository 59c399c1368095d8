#!/bin/bash
# usage: reload_test.sh BUILD-FOLDER
# SIGHUP under load: limits, quotas, log level and apps change, a wrong file changes nothing, another
# database is named, and no running script notices.
source "$(dirname "$0")/lib.sh"

configure() { # configure SETTINGS APP [MORE-APPS]
  cat > "$work/config.json" <<JSON
{$1 "apps": {"default": {"base_url": "$base_url", "requests_per_second": 0, $2
  "token_file": "token"}${3:+, $3}}}
JSON
}
reload() { kill -HUP $daemon_pid; }
logged() { grep -q -F "$1" "$work/daemon.log"; }
health() { sql "SELECT subject || ': ' || message FROM health"; }
healthy() { [ -z "$(health)" ]; }
unhealthy() { [ -n "$(health)" ]; }
says() { [ "$(sql "$1")" = "$2" ]; }
jobs() { # jobs COUNT APP: that last some seconds
  sql "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
       INSERT INTO jobs(file_token, app, script)
       SELECT 'f' || i, '$2', 'for (var i = 0; i < 5; i++) { console.log(i); Time.sleep(300) }' FROM n"
}

start_sandbox
configure '"max_running": 2,' ''
write_token
"$queued" run --config "$work/config.json" --database "$db" >> "$work/daemon.log" 2>&1 &
daemon_pid=$!
wait_for 20 "the daemon" grep -qsx "$daemon_pid" "$db.lock"
wait_for 20 "no rows in health" healthy

echo "== a limit is raised, and the log level"
jobs 20 default
wait_for 20 "two that run" says "SELECT count(*) FROM jobs WHERE state = 'running'" 2
! logged "is asked" || fail "debug lines at level info"
configure '"max_running": 10, "log_level": "debug",' ''
reload
wait_for 20 "ten that run" says "SELECT count(*) FROM jobs WHERE state = 'running'" 10
wait_for 20 "debug lines" logged "is asked"
wait_for 20 "the reload in the log" logged "SIGHUP: the configuration is read again"

echo "== a wrong file changes nothing"
echo '{"max_runing": 1}' > "$work/config.json"
reload
wait_for 20 "the row in health" unhealthy
contains "health" "configuration: the changed configuration is not taken, what was read before stays: $work/config.json: max_runing: no such key; did you mean \"max_running\"?" "$(health)"
expect "the limit" 10 "$(sql "SELECT max_running FROM daemon")"
rm "$work/config.json"
reload
wait_for 20 "the sentence about a missing file" logged "the configuration file cannot be read"

echo "== another app, and another database that has to wait"
configure '"database": "other.db", "max_running": 10,' '' '"second": {"base_url": "'"$base_url"'", "token_file": "token"}'
"$queued" check --config "$work/config.json" > /dev/null || fail "this configuration is right"
reload
wait_for 20 "the second app" says "SELECT count(*) FROM apps WHERE state = 'ready'" 2
wait_for 20 "no rows in health" healthy # --database wins over the file's
[ ! -e "$work/other.db" ] || fail "the other database was made"
jobs 3 second
wait_for 60 "all jobs" all_ended

echo "== somebody is told from now on"
cat > "$work/tell" <<'END'
#!/bin/sh
cat >> "$0.said"
END
chmod +x "$work/tell"
configure '"max_running": 10, "notify": [{"on": ["failed"], "command": ["'"$work/tell"'"]}],' '' '"second": {"base_url": "'"$base_url"'", "token_file": "token"}'
reload
taken() { [ "$(grep -c "somebody is told by $work/tell" "$work/daemon.log")" -ge 1 ]; }
wait_for 20 "the rule" taken
sleep 0.2 # the next tick takes it
failing=$(sql "INSERT INTO jobs(file_token, script) VALUES('f', 'nosuch()') RETURNING id")
wait_for 30 "the word" grep -qs "job $failing has failed" "$work/tell.said"
sql "UPDATE jobs SET state = 'cancelled' WHERE id = $failing AND state <> 'failed'"
sql "DELETE FROM jobs WHERE id = $failing"

echo "== a storm of them under load"
jobs 20 default
for i in $(seq 50); do
  configure "\"max_running\": $((5 + i % 5))," "\"quota\": {\"submit\": $((1000 + i)), \"status\": 10000},"
  reload
  sleep 0.02
done
wait_for 60 "all jobs" all_ended
wait_for 20 "the last of them" says "SELECT max_running || ' ' || (SELECT submit_quota FROM apps) FROM daemon" "5 1050"
expect "jobs that did not succeed at once" 0 \
  "$(sql "SELECT count(*) FROM jobs WHERE state <> 'succeeded' OR attempt <> 1 OR log_gaps > 0")"
expect "starts: the service's count" 44 "$(served submit)"
expect "lines" $((43 * 5)) "$(sql "SELECT count(*) FROM logs WHERE filename <> 'system'")"
stop_daemon
echo "ok"
