#!/bin/bash
# usage: files_test.sh BUILD-FOLDER
# The queue's files are removed, replaced or restored under the running daemon: it ends with a sentence
# before it sends anything more, loses nothing that is not marked, and starts nothing twice.
source "$(dirname "$0")/lib.sh"

# ends_because SENTENCE: the daemon ends by itself, and says this.
ends_because() {
  local code=0
  wait_for 30 "the end of the daemon" eval '! kill -0 $daemon_pid'
  wait $daemon_pid || code=$?
  daemon_pid=
  expect "exit code ($1)" 1 $code
  contains "the last line" "$1" "$(tail -n 1 "$work/daemon.log")"
}
running() { [ "$(sql "SELECT count(*) FROM jobs WHERE state = 'running'")" = "$1" ]; }
endless='for (var i = 0; i < 8; i++) { console.log("line " + i); Time.sleep(400); } "done"'

start_sandbox
start_daemon
jobs=0
for gone in -wal -shm '-wal -shm' .lock .spill; do
  jobs=$((jobs + 1))
  sql "INSERT INTO jobs(file_token, script) VALUES ('f', '$endless')"
  wait_for 20 "a running script" running 1
  files=()
  for suffix in $gone; do files+=("$db$suffix"); done
  rm "${files[@]}"
  ends_because "the file ${files[0]} was replaced, moved or removed while it was in use"
  start_daemon
  wait_for 60 "the script, after a restart" all_ended
  expect "integrity" ok "$(sql "PRAGMA integrity_check")"
  expect "how it ended" 'succeeded|"done"|1' "$(sql "SELECT state, result, attempt FROM jobs WHERE id = $jobs")"
  expect "starts at the service" $jobs "$(served submit)"
  lines=$(sql "SELECT count(*) FROM logs WHERE job_id = $jobs AND level <> 'gap'")
  gaps=$(sql "SELECT log_gaps FROM jobs WHERE id = $jobs")
  [ "$lines" = 10 ] || [ "$gaps" -gt 0 ] || fail "without $gone: $lines of 10 lines and no gap row"
done

# What runs in a file that is restored is held.
sql "INSERT INTO jobs(file_token, script) VALUES ('f', '$endless')"
wait_for 20 "a running script" running 1
sql ".backup $work/backup.db"
wait_for 60 "its end" all_ended
sql ".restore $work/backup.db"
wait_for 60 "the hold" all_ended
expect "the restored job" 'unconfirmed||1' "$(sql "SELECT state, result, log_gaps > 0 FROM jobs ORDER BY id DESC LIMIT 1")"
stop_daemon

# The lock goes while the daemon still waits for the database.
(echo "BEGIN IMMEDIATE;" && sleep 4) | sqlite3 "$db" &
holder=$!
start_daemon
rm "$db.lock"
ends_because "the file $db.lock was replaced, moved or removed while it was in use"
wait $holder

# A link in the configured name comes to lead to another folder.
mkdir "$work/one" "$work/two"
ln -s "$work/one" "$work/link"
db=$work/link/queue.db
start_daemon
ln -sfn "$work/two" "$work/link"
ends_because "the name $db came to lead elsewhere than to $work/one/queue.db"
echo "ok"
