#!/bin/bash
# usage: refusals_test.sh BUILD-FOLDER
# What a person at the shell gets told: by sqlite3, and by the program's exit codes and sentences.
source "$(dirname "$0")/lib.sh"

# refused SENTENCE SQL: sqlite3 refuses with code 19 (constraint) and a text with the sentence in it.
refused() {
  local said code=0
  said=$(sql "$2" 2>&1) || code=$?
  expect "exit code of: $2" 19 $code
  contains "refusal of: $2" "$1" "$said"
}

# says CODE PART COMMAND...
says() {
  local wanted=$1 part=$2 said code=0
  shift 2
  said=$("$@" 2>&1) || code=$?
  expect "exit code of: $*" "$wanted" $code
  contains "words of: $*" "$part" "$said"
}

# --- the command line -----------------------------------------------------------------------------
says 0 "kdocs-queued " "$queued" --version
says 0 "run" "$queued" --help
says 2 "nosuch" "$queued" nosuch
says 2 "nosuch" "$queued" run --nosuch
says 1 "database" "$queued" run
echo '{"databse": "x"}' > "$work/bad.json"
says 1 "did you mean" "$queued" check --config "$work/bad.json"
echo '{' > "$work/bad.json"
says 1 "bad.json" "$queued" check --config "$work/bad.json"
says 1 "https" "$queued" run --database "$db" --base-url http://kdocs.example --token-file "$work/token"
[ ! -e "$db" ] || fail "a refused start has created the database"

write_token
says 0 "" "$queued" init --database "$db"
expect "mode of a new database" 660 "$(stat -c %a "$db")"
says 0 "" "$queued" init --database "$db"
says 0 "$db" "$queued" check --database "$db" --token-file "$work/token"
says 1 "nowhere" "$queued" check --database "$db" --token-file "$work/nowhere"
echo "not a database, but long enough to be read as the header of one: $(seq 100)" > "$work/text.db"
says 1 "no SQLite database" "$queued" run --database "$work/text.db" --token-file "$work/token"

# --- one daemon for a database ---------------------------------------------------------------------
start_sandbox
start_daemon
says 1 "$daemon_pid" "$queued" run --database "$db" --base-url "$base_url" --token-file "$work/token"

# --- sqlite3 --------------------------------------------------------------------------------------
refused "file_token must not be empty" "INSERT INTO jobs(file_token, script) VALUES('', '1')"
refused "file_token must be given as text" "INSERT INTO jobs(file_token, script) VALUES(1, '1')"
refused "share id" "INSERT INTO jobs(file_token, script) VALUES('https://www.kdocs.cn/l/cq1', '1')"
refused "share id" "INSERT INTO jobs(file_token, script) VALUES('/l/cq1', '1')"
refused "script must not be empty" "INSERT INTO jobs(file_token, script) VALUES('f', '')"
refused "argv must be a JSON object" "INSERT INTO jobs(file_token, script, argv) VALUES('f', '1', '[]')"
refused "run_at must be a UTC time" "INSERT INTO jobs(file_token, script, run_at) VALUES('f', '1', '9 am')"
sql "INSERT INTO jobs(file_token, script, app) VALUES('f', '1', 'nosuch')"
sql "INSERT INTO jobs(file_token, script) VALUES('f', CAST(x'ff' AS TEXT))"
sql "INSERT INTO jobs(file_token, script) VALUES('f', '1')"
wait_for 30 "the three jobs" all_ended
contains "error of an unknown app" "'nosuch' is not configured" "$(sql "SELECT error FROM results WHERE job_id = 1")"
contains "error of a script that is no text" "UTF-8" "$(sql "SELECT error FROM results WHERE job_id = 2")"
expect "a good job behind bad ones" succeeded "$(sql "SELECT state FROM results WHERE job_id = 3")"
refused "is succeeded and cannot become that" "UPDATE jobs SET state = 'queued' WHERE id = 3"
refused "is failed and cannot become that" "UPDATE jobs SET state = 'running' WHERE id = 1"

# --- a token file that others can read ---------------------------------------------------------------
stop_daemon
chmod 644 "$work/token"
says 1 "chmod" "$queued" check --database "$db" --token-file "$work/token"
echo "ok"
