#!/bin/bash
# usage: schedules_test.sh BUILD-FOLDER
# Schedules as a person at the shell uses them: jobs come at the minute, by what sqlite3 INSERTs,
# UPDATEs and DELETEs, over a restart, and after a time without a daemon.
source "$(dirname "$0")/lib.sh"

is() { [ "$(sql "SELECT $1")" = "$2" ]; }
word() { sql "SELECT coalesce($1, 'NULL') FROM schedules WHERE name = '$2'"; }
schedule() { # schedule NAME CRON [COLUMN VALUE]
  sql "INSERT INTO schedules(name, cron, timezone, file_token, script${3:+, $3})
    VALUES('$1', '$2', 'UTC', 'f-$1', 'console.log(\"$1\"); 6 * 7'${4:+, $4})"
}
# The second of the minute is not to be near its end, so that what is INSERTed together has the same next minute.
not_at_the_turn() { while [ "$(date +%-S)" -ge 30 ]; do sleep 0.5; done; }

start_sandbox
start_daemon

echo "== what is refused, and what is told"
code=0
said=$(schedule bad '0 9 * * *' overlap "'both'" 2>&1) || code=$?
expect "exit code of a refused schedule" 19 $code
contains "words of a refused schedule" "overlap must be skip, queue_one, queue_all or replace" "$said"
schedule wrong '0 25 * * *'
wait_for 20 "an error" is "error IS NOT NULL FROM schedules WHERE name = 'wrong'" 1
contains "health" "schedule wrong: the field hour of the cron text is 25" \
  "$(sql "SELECT subject || ': ' || message FROM health")"
sql "DELETE FROM schedules WHERE name = 'wrong'"
expect "health after it was deleted" "" "$(sql "SELECT message FROM health")"

echo "== the next times are known at once"
sql "INSERT INTO schedules(name, cron, file_token, script) VALUES('daily', '@daily', 'f', '1')"
wait_for 20 "five times" is "count(*) FROM upcoming WHERE schedule = 'daily'" 5
expect "midnight in Shanghai" 5 "$(sql "SELECT count(*) FROM upcoming WHERE at LIKE '% 16:00:00.000'")"
sql "UPDATE schedules SET paused = 1 WHERE name = 'daily'"
wait_for 20 "no times" is "count(*) FROM upcoming" 0
expect "next_at of a paused schedule" NULL "$(word next_at daily)"
sql "UPDATE schedules SET paused = 0, timezone = 'UTC' WHERE name = 'daily'"
wait_for 20 "the times of another zone" is "count(*) FROM upcoming WHERE at LIKE '% 00:00:00.000'" 5

echo "== run at once"
sql "INSERT INTO jobs(file_token, script, script_name, argv, app, priority, max_attempts, timeout_s, on_unconfirmed, schedule)
  SELECT file_token, script, script_name, argv, app, priority, max_attempts, timeout_s, on_unconfirmed, name
  FROM schedules WHERE name = 'daily'"
wait_for 20 "the job" is "state FROM jobs WHERE schedule = 'daily'" succeeded

echo "== the next minute: jobs come, once, over a restart"
not_at_the_turn
schedule minute '* * * * *'
schedule late '* * * * *' starts_at "datetime('now', '+1 day')"
schedule gone '* * * * *'
wait_for 20 "the next minute" is "count(*) FROM schedules WHERE name IN ('minute', 'gone') AND next_at IS NOT NULL" 2
next=$(word next_at minute)
sql "DELETE FROM schedules WHERE name = 'gone'"
stop_daemon
start_daemon
expect "next_at after a restart" "$next" "$(word next_at minute)"
wait_for 90 "the minute's job" is "count(*) FROM jobs WHERE schedule = 'minute'" 1
expect "its time" "$next" "$(sql "SELECT scheduled_at FROM jobs WHERE schedule = 'minute'")"
late_ms=$(sql "SELECT CAST(round((julianday(created_at) - julianday(scheduled_at)) * 86400000) AS INTEGER)
  FROM jobs WHERE schedule = 'minute'")
[ "$late_ms" -ge 0 ] || fail "the job came $late_ms ms after its time"
sql "UPDATE schedules SET paused = 1"
wait_for 20 "its end" is "last_state FROM schedules WHERE name = 'minute'" succeeded
expect "its result" 42 "$(sql "SELECT result FROM jobs WHERE schedule = 'minute' LIMIT 1")"
expect "what else came" "daily minute" \
  "$(sql "SELECT group_concat(schedule, ' ') FROM (SELECT DISTINCT schedule FROM jobs ORDER BY 1)")"
echo "   it came $late_ms ms after its time"

echo "== an hour without a daemon"
sql "DELETE FROM jobs; UPDATE schedules SET paused = 0 WHERE name = 'minute'"
wait_for 20 "the next minute" is "next_at IS NOT NULL FROM schedules WHERE name = 'minute'" 1
stop_daemon
# As if it had been stopped an hour ago: next_at is the daemon's, who counts rev up as it writes.
sql "UPDATE schedules SET rev = rev + 1, skipped = 0,
  next_at = strftime('%Y-%m-%d %H:%M:00.000', 'now', '-60 minutes') WHERE name = 'minute'"
from=$(word next_at minute)
start_daemon
wait_for 20 "all of it worked off" \
  is "next_at > strftime('%Y-%m-%d %H:%M:%f', 'now') FROM schedules WHERE name = 'minute'" 1
# Each time has a job or is counted; with once few have one: the latest, and those of now.
expect "times that are accounted for" 1 "$(sql "SELECT
  round(1440 * (julianday(next_at) - julianday('$from'))) = skipped + (SELECT count(*) FROM jobs)
  FROM schedules WHERE name = 'minute'")"
made=$(sql "SELECT count(*) FROM jobs")
[ "$made" -ge 1 ] && [ "$made" -le 3 ] || fail "$made jobs were made up for"
sql "UPDATE schedules SET paused = 1"
wait_for 60 "their ends" all_ended
expect "health" "" "$(sql "SELECT message FROM health")"
stop_daemon
