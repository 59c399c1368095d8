#!/bin/bash
# usage: [ROUNDS=200] [SEED=number] [APPS=1] kill_test.sh BUILD-FOLDER
# SIGKILL at random moments under load, with pauses of either program, a killed sandbox, and users who
# cancel, run again and lock. Then each line that the service handed out is stored once and in order,
# or stands in a gap; no script ran twice for one wish; no job is stuck. With APPS=2 there is a second
# app whose service is faulty all the time; the healthy app's median wait can be compared.
source "$(dirname "$0")/lib.sh"
source "$here/ill_app.sh"

rounds=${ROUNDS:-200}
seed=${SEED:-$((RANDOM * 32768 + RANDOM))}
apps=${APPS:-1}
RANDOM=$seed
jobs=0 kills=0 stops=0 sandbox_kills=0 sandbox_stopped=
requeued=$work/requeued
: > "$requeued"
echo "seed $seed, rounds $rounds, apps $apps"

# pause FROM TO: a random time in milliseconds
pause() {
  local seconds
  printf -v seconds '0.%03d' $(($1 + RANDOM % ($2 - $1)))
  sleep $seconds
}

# insert COUNT [APP]: scripts of all lengths; some fail, some lines are long
insert() {
  local rows= end app=${2:-default}
  for ((i = 0; i < $1; i++)); do
    jobs=$((jobs + 1))
    end="'done $jobs'"
    [ $((RANDOM % 10)) != 0 ] || end='throw new Error("it breaks")'
    rows+=",('$app', '$app$((RANDOM % 500))', 'job$jobs', 'for (var i = 0; i < $((1 + RANDOM % 60)); i++) {
      console.log(\"line \" + i + \" \" + \"x\".repeat($((RANDOM % 8 == 0 ? 3000 : 3))));
      Time.sleep($((5 + RANDOM % 60))); } ${end//\'/\'\'}')"
  done
  sql "INSERT INTO jobs(app, file_token, script_name, script) VALUES ${rows:1}"
}

kill_daemon() {
  kill -KILL $daemon_pid || fail "the daemon ended by itself in round $round; seed $seed"
  wait $daemon_pid 2> /dev/null || true
  kills=$((kills + 1))
}

launch() {
  "$queued" run --config "$work/config.json" >> "$work/daemon.log" 2>&1 &
  daemon_pid=$!
}

service_up() {
  start_sandbox --quota-submit 1000000 --quota-status 10000000
}

# Its tasks are gone with it. A line that it was writing is ended, so that the next one is whole.
kill_sandbox() {
  kill -KILL $sandbox_pid
  wait $sandbox_pid 2> /dev/null || true
  [ -z "$(tail -c 1 "$work/ledger")" ] || echo >> "$work/ledger"
  sandbox_kills=$((sandbox_kills + 1))
}

continue_sandbox() {
  [ -z "$sandbox_stopped" ] || kill -CONT $sandbox_pid
  sandbox_stopped=
}

disturb() {
  case $((RANDOM % 12)) in
    0 | 1)
      kill -STOP $daemon_pid
      pause 20 300
      kill -CONT $daemon_pid
      stops=$((stops + 1))
      ;;
    2 | 3) # stays so until the next daemon is there: what waits in its sockets is done then
      kill -STOP $sandbox_pid
      sandbox_stopped=1
      stops=$((stops + 1))
      ;;
    4)
      sql "UPDATE jobs SET state = 'cancelled' WHERE id = (SELECT id FROM jobs
        WHERE state IN ('submitting', 'running') ORDER BY random() LIMIT 1)"
      ;;
    5)
      sql "UPDATE jobs SET state = 'queued' WHERE id IN (SELECT id FROM jobs
        WHERE state IN ('unconfirmed', 'failed') ORDER BY random() LIMIT 2) RETURNING id" >> "$requeued"
      ;;
    6)
      printf '%s\n' '.timeout 20000' 'BEGIN IMMEDIATE;' '.shell sleep 0.2' 'COMMIT;' | sqlite3 "$db"
      ;;
  esac
}

# median_wait APP: milliseconds from the INSERT of a job until its start was sent
median_wait() {
  sql "WITH wait(ms) AS (SELECT 86400000 * (julianday(submitted_at) - julianday(created_at))
         FROM jobs WHERE app = '$1' AND attempt = 1 AND submitted_at IS NOT NULL)
       SELECT round(ms) FROM wait ORDER BY ms LIMIT 1 OFFSET (SELECT count(*) / 2 FROM wait)"
}

# app NAME BASE-URL: its part of the configuration
app() {
  echo "\"$1\": {\"base_url\": \"$2\", \"token_file\": \"token\", \"requests_per_second\": 0,
    \"quota\": {\"submit\": 1000000, \"status\": 10000000}}"
}

service_up
ill_ledger=()
if [ "$apps" = 2 ]; then
  ill_up
  ill_ledger=("ill=$work/ill_ledger")
fi
cat > "$work/config.json" <<JSON
{"database": "$db", "max_running_per_file": 2, "keep_raw": true,
 "apps": {$(app default "$base_url")${ill_url:+, $(app ill "$ill_url")}}}
JSON
audit() { "$bin/tests/e2e/kdocs-audit" "$1" "$2" "$requeued" "${ill_ledger[@]}"; }
start_daemon --config "$work/config.json"

for ((round = 1; round <= rounds; round++)); do
  pause 20 200
  continue_sandbox
  insert $((1 + RANDOM % 4))
  [ "$apps" = 1 ] || insert $((1 + RANDOM % 2)) ill
  [ "$apps" = 1 ] || [ $((round % 5)) != 0 ] || ill_changes
  disturb
  pause 20 200
  kill_daemon
  if [ $((round % 50)) = 25 ]; then
    continue_sandbox
    kill_sandbox
    launch
    pause 100 900
    service_up
  else
    launch
  fi
done

continue_sandbox
[ "$apps" = 1 ] || ill_recovers
wait_for 240 "the end of all jobs" all_ended
stop_daemon
echo "rounds $rounds, kills $kills, pauses $stops, sandbox killed $sandbox_kills, ill $ill_troubles times"
echo "median wait in ms: $(median_wait default)${ill_url:+, the ill app: $(median_wait ill)}"
audit "$db" "$work/ledger" || fail "see above; seed $seed"

# The audit itself: it must see a line that is gone, one that is there twice, and one more start.
cp "$work/ledger" "$work/tampered.ledger"
audit_finds() {
  local said
  ! said=$(audit "$work/tampered.db" "$work/tampered.ledger") ||
    fail "the audit does not see: $1"
  contains "the audit" "$1" "$said"
}
tamper() { cp "$db" "$work/tampered.db" && sqlite3 "$work/tampered.db" "$1"; }
clean="SELECT max(job_id) FROM logs l WHERE NOT EXISTS
  (SELECT 1 FROM logs g WHERE g.job_id = l.job_id AND g.level = 'gap')"
tamper "DELETE FROM logs WHERE job_id = ($clean) AND seq = 1"
audit_finds ", lost 1"
tamper "INSERT INTO logs SELECT job_id, attempt, 100000, level, filename, unix_time,
  timestamp, args, message, fetched_at FROM logs WHERE job_id = ($clean) AND seq = 1"
audit_finds "duplicates 1"
tamper ""
for ((i = 0; i <= $(wc -l < "$requeued"); i++)); do
  grep '"event":"post"' "$work/ledger" | tail -n 1 >> "$work/tampered.ledger"
done
audit_finds "started too often 1"
echo "ok"
