#!/bin/bash
# usage: mischief_test.sh BUILD-FOLDER
# What users with full access to the database may do to it without meaning harm: the daemon goes on as
# far as it can, and what it says can be followed to the letter.
source "$(dirname "$0")/lib.sh"

health() { sql "SELECT message FROM health"; }
healthy() { [ -z "$(health)" ]; }
unwell() { [[ "$(health)" == *"$1"* ]]; }
is() { [ "$(sql "SELECT state FROM jobs WHERE id = $1")" = "$2" ]; }
insert() { sql "INSERT INTO jobs(file_token, script) VALUES('$1', '$2') RETURNING id"; }
logged() { grep -q -F "$1" "$work/daemon.log"; }
# remedy: the statement at the end of what health says.
remedy() { sql "SELECT substr(message, instr(message, 'DROP TRIGGER')) FROM health"; }

start_sandbox
start_daemon
wait_for 20 "no rows in health" healthy

echo "== a trigger without end"
sql "CREATE TRIGGER evil AFTER UPDATE OF state ON jobs WHEN NEW.state = 'submitting' BEGIN SELECT count(*)
  FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT i FROM n); END"
job=$(insert a 1)
wait_for 60 "what health says" unwell 'DROP TRIGGER "evil"'
contains "health" "$db" "$(health)"
wait_for 20 "the trigger's name in the log" logged 'DROP TRIGGER "evil"'
for _ in 1 2 3; do # with what the README has as a timeout
  sqlite3 -cmd '.timeout 5000' "$db" "UPDATE jobs SET priority = priority + 1" || fail "locked too long"
done
sqlite3 -cmd '.timeout 5000' "$db" "$(remedy)" || fail "the trigger cannot be dropped"
wait_for 60 "the job" is "$job" succeeded
wait_for 60 "no rows in health" healthy

echo "== a trigger that drops log lines"
sql "CREATE TRIGGER deaf BEFORE INSERT ON logs BEGIN SELECT RAISE(IGNORE); END"
job=$(insert b 'console.log("one"); console.log("two")')
wait_for 60 "what health says" unwell "ignores what kdocs-queued writes into logs"
sql "$(remedy)"
wait_for 60 "the job" is "$job" succeeded
expect "its lines" "one two" "$(sql "SELECT group_concat(message, ' ') FROM (SELECT message FROM job_logs
  WHERE job_id = $job AND message IN ('one', 'two') ORDER BY seq)")"
expect "its gaps" 0 "$(sql "SELECT log_gaps FROM jobs WHERE id = $job")"
wait_for 60 "no rows in health" healthy

echo "== a result that a trigger cannot take"
sql "CREATE TABLE prices(job INTEGER, price REAL NOT NULL); CREATE TRIGGER prices AFTER UPDATE OF state ON jobs
  WHEN NEW.state = 'succeeded' BEGIN INSERT INTO prices VALUES (NEW.id, json_extract(NEW.result, '\$.price')); END"
bad=$(insert f '({cost: 6})')
job=$(insert g '({price: 7})')
wait_for 60 "the other job" is "$job" succeeded
wait_for 60 "what health says" unwell "what came for job $bad cannot be written yet, all other jobs go on"
contains "health" "NOT NULL constraint failed: prices.price" "$(health)"
is "$bad" running || fail "job $bad is $(sql "SELECT state FROM jobs WHERE id = $bad")"
expect "the prices" "$job|7.0" "$(sql "SELECT * FROM prices")"
sql "$(remedy)"
wait_for 60 "the job" is "$bad" succeeded
wait_for 60 "no rows in health" healthy

echo "== characters that a shell does not show"
job=$(insert c 'console.log("a\u0000b\u001b[31mc")')
wait_for 60 "the job" is "$job" succeeded
expect "the message" 'a\u0000b\u001b[31mc' \
  "$(sql "SELECT message FROM job_logs WHERE job_id = $job AND message LIKE 'a%'")"

echo "== a column that is renamed while the daemon runs"
sql "ALTER TABLE jobs RENAME COLUMN progress TO prog"
job=$(insert e 1)
wait_for 60 "what health says" unwell 'the column progress of jobs was renamed to "prog"'
case $(health) in *DROP*) fail "it advises to drop something: $(health)" ;; esac
sql "$(sql "SELECT substr(message, instr(message, 'ALTER TABLE')) FROM health")"
wait_for 60 "the job" is "$job" succeeded
wait_for 60 "no rows in health" healthy

echo "== a table that is dropped while the daemon runs"
job=$(insert d 1)
wait_for 60 "the job" is "$job" succeeded
sql "DROP TABLE logs"
insert d 1 > /dev/null
code=0
wait $daemon_pid || code=$?
daemon_pid=
expect "exit code" 1 $code
contains "health" "the daemon had to stop: $db lacks the table logs" "$(health)"
said=$("$queued" run --database "$db" --base-url "$base_url" --token-file "$work/token" 2>&1) && fail "it starts without a table"
contains "the next start" "lacks the table logs" "$said"
"$queued" ${said##*kdocs-queued } > /dev/null || fail "the sentence cannot be followed: $said"
start_daemon
wait_for 60 "all jobs" all_ended
wait_for 60 "no rows in health" healthy
expect "jobs that are kept" 8 "$(sql "SELECT count(*) FROM jobs")"
stop_daemon

echo "== a copy that .dump has made"
before=$(sql "SELECT count(*), sum(id), count(DISTINCT state) FROM jobs")
sqlite3 "$db" .dump > "$work/dump.sql"
rm -f "$db" "$db"-*
sqlite3 "$db" < "$work/dump.sql"
said=$("$queued" check --database "$db" --token-file "$work/token") && fail "check finds no fault"
contains "check" "has all tables of a queue" "$said"
said=$("$queued" run --database "$db" --base-url "$base_url" --token-file "$work/token" 2>&1) && fail "it starts with an unmarked file"
eval "${said##*If it is to be the queue: }" || fail "the sentence cannot be followed: $said"
start_daemon
expect "jobs" "$before" "$(sql "SELECT count(*), sum(id), count(DISTINCT state) FROM jobs")"
job=$(insert e 1)
wait_for 60 "a new job" is "$job" succeeded
stop_daemon
echo "ok"
