#!/bin/bash
# usage: restart_test.sh BUILD-FOLDER
# kill -9 and stop in the middle of work: running tasks go on, nothing is started twice, cancel works.
source "$(dirname "$0")/lib.sh"

start_sandbox
start_daemon
sql "INSERT INTO jobs(file_token, script_name, script) VALUES
  ('a', 'long', 'for (var i = 0; i < 8; i++) { console.log(\"line \" + i); Time.sleep(500); } \"done\"'),
  ('b', 'endless', 'Time.sleep(60000)')"
running() { [ "$(sql "SELECT count(*) FROM jobs WHERE state = 'running'")" = "$1" ]; }
wait_for 20 "two running scripts" running 2
kill -KILL $daemon_pid
wait $daemon_pid 2> /dev/null || true
start_daemon
sql "UPDATE jobs SET state = 'cancelled' WHERE id = 2"
wait_for 60 "the long script" all_ended
expect "the long script" 'succeeded|"done"|1' "$(sql "SELECT state, result, attempt FROM jobs WHERE id = 1")"
expect "the cancelled script" cancelled "$(sql "SELECT state FROM jobs WHERE id = 2")"
expect "starts at the service" 2 "$(served submit)"
lines=$(sql "SELECT count(*) FROM logs WHERE job_id = 1 AND level <> 'gap'")
gaps=$(sql "SELECT log_gaps FROM jobs WHERE id = 1")
[ "$lines" = 10 ] || [ "$gaps" -gt 0 ] || fail "$lines of 10 lines and no gap row"

stop_daemon
sql "INSERT INTO jobs(file_token, script) VALUES('a', '\"after the stop\"')"
start_daemon
wait_for 30 "a job that was inserted while the daemon was down" all_ended
expect "its result" '"after the stop"' "$(sql "SELECT result FROM results WHERE job_id = 3")"
stop_daemon
echo "ok"
