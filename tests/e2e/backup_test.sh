#!/bin/bash
# usage: backup_test.sh BUILD-FOLDER
# Backups beside a running daemon, by the configuration and by hand; what a restored one is held for, and
# how it is released.
source "$(dirname "$0")/lib.sh"

ended() { [ "$(sql "SELECT count(*) FROM jobs WHERE state = 'succeeded'")" -ge "$1" ]; }
held() { sql "SELECT count(*) FROM jobs WHERE state = 'unconfirmed' AND error LIKE 'held: %'"; }
are_held() { [ "$(held)" = "$1" ]; }
# sound FILE: it is a queue, and each job of it has a state that goes with its lines.
sound() {
  expect "integrity of $1" ok "$(sqlite3 "$1" "PRAGMA integrity_check")"
  expect "counters of $1" 0 "$(sqlite3 "$1" "SELECT count(*) FROM job_counts c WHERE jobs <> (SELECT count(*)
    FROM jobs j WHERE iif(j.state = 'submitting', 'running', j.state) = c.state)")"
  expect "lines of $1" 0 "$(sqlite3 "$1" "SELECT count(*) FROM jobs WHERE state = 'succeeded' AND log_gaps = 0
    AND (SELECT count(*) FROM logs WHERE job_id = jobs.id) <> 3")"
}

start_sandbox
mkdir "$work/backups"
cat > "$work/config.json" << END
{ "database": "queue.db", "backup": { "directory": "backups", "every": "1h", "keep": 2 },
  "apps": { "default": { "base_url": "$base_url", "token_file": "token", "requests_per_second": 0 } } }
END
start_with_config() {
  write_token
  "$queued" run --config "$work/config.json" >> "$work/daemon.log" 2>&1 &
  daemon_pid=$!
  wait_for 20 "the daemon" grep -qsx "$daemon_pid" "$db.lock"
  wait_for 20 "the schema" sql "SELECT 1 FROM jobs LIMIT 1"
}

# Work goes on while backups are made: at the start by the daemon, then by hand.
start_with_config
wait_for 20 "the settings in the log" \
  grep -q "every 1 h a backup is made in $work/backups, the newest 2 are kept" "$work/daemon.log"
sql "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
  INSERT INTO jobs(file_token, script) SELECT 'f' || (i % 20), 'console.log(' || i || '); ' || i FROM n"
for i in 1 2 3; do
  "$queued" backup --database "$db" "$work/by-hand-$i.db" > "$work/said"
  sql "INSERT INTO jobs(file_token, script) VALUES ('g', 'console.log(0); 0')"
done
contains "what it says" "The backup of $db is $work/by-hand-3.db" "$(cat "$work/said")"
wait_for 60 "a backup by the configuration" eval '[ -n "$(sql "SELECT made_at FROM backup WHERE error IS NULL")" ]'
for file in "$work"/by-hand-*.db "$work"/backups/queue-*Z.db; do sound "$file"; done
expect "what is in the folder" "$(sql "SELECT file FROM backup")" "$(ls "$work"/backups/*)"
code=0
"$queued" backup --config "$work/config.json" "$work/by-hand-1.db" 2> "$work/said" || code=$?
expect "exit code for a name that is taken" 1 $code
contains "why" "there is a file of this name" "$(cat "$work/said")"
wait_for 60 "all jobs" ended 63
expect "health" "" "$(sql "SELECT message FROM health")"

# A queue with a job that runs, one that waits behind it, one for later and one that depends.
endless='for (var i = 0; i < 40; i++) { console.log("line " + i); Time.sleep(400); } "done"'
sql "INSERT INTO jobs(file_token, script) VALUES ('f', '$endless'), ('f', '1');
  INSERT INTO jobs(file_token, script, run_at) VALUES ('g', '2', datetime('now', '+1 hour'));
  INSERT INTO jobs(file_token, script, depends_on) VALUES ('g', '3', last_insert_rowid())"
wait_for 20 "a running script" eval '[ "$(sql "SELECT state FROM jobs WHERE id = 64")" = running ]'
"$queued" backup --database "$db" "$work/backup.db" > /dev/null
sql "UPDATE jobs SET run_at = NULL WHERE state = 'queued'"
wait_for 60 "their end" ended 67
starts=$(served submit)

# Not under a running daemon.
code=0
"$queued" restore --database "$db" "$work/backup.db" 2> "$work/said" || code=$?
expect "exit code under a running daemon" 1 $code
contains "why" "process $daemon_pid" "$(cat "$work/said")"
stop_daemon
echo "no database" > "$work/text"
code=0
"$queued" restore --database "$db" "$work/text" 2> "$work/said" || code=$?
expect "exit code for a file that is none" 1 $code
expect "the queue, as it was" 67 "$(sql "SELECT count(*) FROM jobs WHERE state = 'succeeded'")"
expect "nothing is left" "" "$(ls "$db".restore* "$db".before* 2> /dev/null || true)"

"$queued" restore --config "$work/config.json" "$work/backup.db" > "$work/said"
contains "what it says" "What was there is kept, until you remove it, as $db.before-" "$(cat "$work/said")"
sqlite3 "$(ls "$db".before-*Z)" "SELECT count(*) FROM jobs WHERE state = 'succeeded'" > "$work/said"
expect "what was there" 67 "$(cat "$work/said")"
expect "its mode" 660 "$(stat -c %a "$db")"
start_with_config
wait_for 20 "all that had not ended is held" are_held 4
sql "INSERT INTO jobs(file_token, script) VALUES ('new', '4')"
wait_for 20 "a new job runs" eval '[ "$(sql "SELECT state FROM jobs ORDER BY id DESC LIMIT 1")" = succeeded ]'
expect "held" 4 "$(held)"
expect "starts at the service" $((starts + 1)) "$(served submit)"
expect "the running one's task, gap and attempt" '1|1|1' \
  "$(sql "SELECT task_id IS NOT NULL, log_gaps, attempt FROM jobs WHERE id = 64")"
contains "the error" "held: the queue was restored from the backup of 20" "$(sql "SELECT error FROM jobs WHERE id = 65")"
said=$(sql "SELECT message FROM health WHERE subject = 'jobs'")
contains "health" "4 jobs are held" "$said"
sql "UPDATE jobs SET state = 'cancelled' WHERE id = 64"
sql "$(echo "$said" | grep -o "UPDATE jobs SET .*'held: %'")"
sql "UPDATE jobs SET run_at = NULL WHERE state = 'queued'"
wait_for 60 "those that were released" all_ended
expect "starts at the service" $((starts + 4)) "$(served submit)"
expect "health afterwards" "" "$(sql "SELECT message FROM health")"

# Live: sqlite3's .restore of a backup of its own.
sql "INSERT INTO pauses(scope) VALUES ('all'); INSERT INTO jobs(file_token, script) VALUES ('f', '5')"
sql ".backup $work/shell.db"
sql "DELETE FROM pauses"
wait_for 60 "its end" all_ended
starts=$(served submit)
sql ".restore $work/shell.db"
wait_for 20 "it is held" are_held 1
sql "DELETE FROM pauses; UPDATE jobs SET state = 'cancelled' WHERE state = 'unconfirmed'"

# Somebody copies an old file into the place of the queue while the daemon is stopped.
stop_daemon
rm -f "$db-wal" "$db-shm"
cp "$work/shell.db" "$db"
start_with_config
wait_for 20 "it is held" are_held 1
expect "starts at the service" "$starts" "$(served submit)"

# A folder that is missing is told, and the daemon goes on.
stop_daemon
mv "$work/backups" "$work/elsewhere"
sql "UPDATE backup SET made_at = '2026-01-01 00:00:00.000', since = '2026-01-01 00:00:00.000'"
start_with_config
wait_for 30 "the trouble" eval '[ -n "$(sql "SELECT error FROM backup WHERE error IS NOT NULL")" ]'
contains "health" "no backup can be made: no copy could be written to $work/backups" \
  "$(sql "SELECT message FROM health WHERE subject = 'backup'")"
contains "the log" "no backup can be made: " "$(cat "$work/daemon.log")"
sql "DELETE FROM pauses; INSERT INTO jobs(file_token, script) VALUES ('new', '6')"
wait_for 20 "work goes on" all_ended
stop_daemon
echo "ok"
