#!/bin/bash
# usage: operator_test.sh BUILD-FOLDER
# What an operator does with sqlite3 and reads in it: pauses, watches, waiting, quota_today, health,
# apps; and that the status line and the log say the same in short.
source "$(dirname "$0")/lib.sh"

slow="for (var i = 0; i < 600 && Application.Range(''A1'').Text != ''end''; i++) Time.sleep(100)"
# The day does not end in the middle of the test.
day_ends=$(date -u -d '+12 hours' '+%Y-%m-%d %H:%M:00')
configure() { # configure STARTS
  cat > "$work/config.json" <<JSON
{"apps": {"default": {"requests_per_second": 0, "quota": {"submit": $1, "status": 10000},
  "quota_reset": "${day_ends:11:5}", "quota_timezone": "UTC"}}}
JSON
}

# Stands in for the service manager, where systemd's own tool is there to do it.
signs=$work/signs
if command -v systemd-socket-activate > /dev/null; then
  systemd-socket-activate -d -l "$work/notify" --inetd sh -c "exec cat > '$signs'" 2> /dev/null &
  listener=$!
  wait_for 20 "the listener" test -S "$work/notify"
  export NOTIFY_SOCKET=$work/notify
  leave() {
    local code=$?
    kill $listener 2> /dev/null || true
    (exit $code)
    finish
  }
  trap leave EXIT
fi
status_says() { [ -z "${NOTIFY_SOCKET:-}" ] || grep -a -q -F "$1" "$signs"; }
logged() { grep -q -F "$1" "$work/daemon.log"; }

reason() { sql "SELECT reason FROM waiting WHERE job_id = $1"; }
waits_because() { [[ "$(reason "$1")" == *"$2"* ]]; }
is() { [ "$(sql "SELECT state FROM jobs WHERE id = $1")" = "$2" ]; }
insert() { # insert FILE SCRIPT [COLUMN VALUE]: the job's id
  sql "INSERT INTO jobs(file_token, script${3:+, $3}) VALUES('$1', '$2'${4:+, $4}) RETURNING id"
}
health() { sql "SELECT subject || ': ' || message FROM health"; }
healthy() { [ -z "$(health)" ]; }

configure 1000
start_sandbox
"$queued" init --database "$db" > /dev/null
contains "health before the first start" "has not run with this database yet" "$(health)"
start_daemon --config "$work/config.json"
wait_for 20 "no rows in health" healthy

echo "== pauses"
sql "INSERT INTO pauses(scope) VALUES('all')"
job=$(insert a 1)
wait_for 20 "the reason" waits_because $job "all starts are paused"
expect "statement that health gives" "DELETE FROM pauses WHERE scope = 'all'" \
  "$(sql "SELECT substr(message, instr(message, 'DELETE')) FROM health")"
sleep 1
expect "starts under the pause" 0 "$(served submit)"
sql "$(sql "SELECT substr(message, instr(message, 'DELETE')) FROM health")"
wait_for 20 "the job after the pause" is $job succeeded
sql "INSERT INTO pauses(scope, key, reason) VALUES('file', 'b', 'Ann edits it')"
paused=$(insert b 1)
free=$(insert a 1)
wait_for 20 "the job of another file" is $free succeeded
expect "the job of the paused file" "starts on its file are paused: Ann edits it" "$(reason $paused)"
sql "DELETE FROM pauses"
wait_for 20 "the job of the file" is $paused succeeded
wait_for 20 "no rows in health" healthy

echo "== watches, and a file that is busy"
running=$(insert busy "$slow")
wait_for 20 "a running script" is $running running
behind=$(insert busy 1)
contains "a job whose file is busy" "its file is busy with job $running (running since 20" "$(reason $behind)"
sql "INSERT INTO watches(job_id) VALUES($running)"
asked=$(served status)
asked_again() { [ "$(served status)" -gt $((asked + 2)) ]; }
wait_for 60 "three polls of a watched job" asked_again
code=0
said=$(sql "INSERT INTO watches(job_id) VALUES(4711)" 2>&1) || code=$?
expect "exit code for a watch of no job" 19 $code
contains "the refusal" "there is no job with this id" "$said"

echo "== depends_on"
second=$(insert c '"second"' depends_on $running)
contains "a job that depends on a running one" "waits for job $running, which is running" "$(reason $second)"
sql "UPDATE jobs SET state = 'cancelled' WHERE id = $running"
wait_for 20 "the job behind it" is $behind succeeded
contains "a job that depends on a cancelled one" "job $running, which must succeed first, was cancelled" "$(reason $second)"
contains "health" "1 job waits for a job or batch that has failed, timed out, was cancelled or deleted" "$(health)"
sql "UPDATE jobs SET depends_on = $behind WHERE id = $second"
wait_for 20 "the job that depends on one that succeeded" is $second succeeded

echo "== max_attempts"
failing=$(insert d 'nosuchfunction()' max_attempts 2)
waits_again() { waits_because $failing "attempt 2 of 2 starts at"; }
wait_for 20 "the first attempt" waits_again
contains "why it waits" "the last one failed: " "$(reason $failing)"
sql "UPDATE jobs SET run_at = NULL WHERE id = $failing" # now, please
wait_for 20 "the second attempt" is $failing failed
expect "attempts" "2|2" "$(sql "SELECT attempt, (SELECT count(DISTINCT attempt) FROM logs WHERE job_id = id)
  FROM jobs WHERE id = $failing")"
wait_for 20 "no rows in health" healthy

echo "== a refused token"
token=fresh-$RANDOM-token
admin POST /admin/token "{\"token\": \"$token\"}" > /dev/null
job=$(insert a 1)
wait_for 20 "the reason" waits_because $job "KDocs refuses the access token"
expect "apps" "blocked|1" "$(sql "SELECT state, reason = start_wait FROM apps")"
contains "health" "app default: the app is blocked: KDocs refuses the access token: put a fresh one into the token file" "$(health)"
wait_for 20 "the refused token in the log" logged "app default: KDocs refuses the access token"
wait_for 20 "the status line" status_says "app default: KDocs refuses the access token"
expect "attempts of a job that waits" 0 "$(sql "SELECT attempt FROM jobs WHERE id = $job")"
write_token
wait_for 30 "the job after the token" is $job succeeded
wait_for 20 "no rows in health" healthy

echo "== used-up starts"
stop_daemon
contains "a stopped daemon" "daemon: the daemon is stopped: start kdocs-queued" "$(health)"
contains "what waits then" "the daemon is stopped since 20" "$(insert a 1 > "$work/id"; reason "$(cat "$work/id")")"
used=$(sql "SELECT used FROM quota WHERE endpoint = 'submit'")
configure $((used + 2))
start_daemon --config "$work/config.json"
wait_for 20 "the job of the stop" is "$(cat "$work/id")" succeeded
insert a 1 > /dev/null
job=$(insert a 1)
until="until $day_ends UTC"
wait_for 20 "the reason" waits_because $job "today's $((used + 2)) starts are used up $until"
expect "when it is expected" "$day_ends.000" "$(sql "SELECT expected_at FROM waiting WHERE job_id = $job")"
expect "quota_today" "$((used + 2))|0|$day_ends.000" \
  "$(sql "SELECT used, left, resets_at FROM quota_today WHERE endpoint = 'submit'")"
contains "health" "app default: the app is waiting: no starts: today's $((used + 2)) starts are used up $until" "$(health)"
wait_for 20 "the log" logged "app default: no starts: today's $((used + 2)) starts are used up $until"
wait_for 20 "the status line" status_says "app default: no starts: today's $((used + 2)) starts are used up $until"
expect "starts: the service's count" "$(served submit)" \
  "$(sql "SELECT used FROM quota WHERE endpoint = 'submit'")"
stop_daemon
echo "ok"
