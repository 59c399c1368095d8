  kill $(jobs -p) 2> /dev/null || true # readers, lockers, listeners
  [ -z "$here_mounted" ] || umount#!/bin/bash
# usage: outage_test.sh BUILD-FOLDER [SCENARIO...]
# What surrounds the daemon fails and comes back: disk, rights, locks, readers, files, token, service.
# After each, every line that was handed out is stored or stands in a gap, and no job is stuck.
source "$(dirname "$0")/lib.sh"
shift
here_mounted=

leave() {
  local code=$?
  set +e
  exec 8>&-
  kill $(jobs -p) 2> /dev/null # readers, lockers, listeners
  [ -z "$here_mounted" ] || umount -l "$here_mounted"
  (exit $code)
  finish
}
trap leave EXIT

# begin NAME: a database and a service of its own
begin() {
  echo "== $1"
  mkdir -p "$work/$1"
  db=$work/$1/queue.db
  [ -z "$sandbox_pid" ] || end_sandbox
  rm -f "$work/ledger" "$work/daemon.log" "$work/token"
  start_sandbox --quota-submit 100000 --quota-status 1000000
  cat > "$work/config.json" <<JSON
{"keep_raw": true,
 "apps": {"default": {"requests_per_second": 0, "quota": {"submit": 100000, "status": 1000000}}}}
JSON
}

end_sandbox() {
  kill -KILL $sandbox_pid
  wait $sandbox_pid 2> /dev/null || true
  sandbox_pid=
}

# audit [WORDS]: nothing is wrong, and the counts say so
audit() {
  local said
  said=$("$bin/tests/e2e/kdocs-audit" "$db" "$work/ledger") || fail "$said"
  echo "$said"
  contains "the audit" "${1:-lost 0}" "$said"
}

# insert FIRST LAST [LINES] [PAUSE-MS] [LENGTH]: jobs whose scripts write a line at short intervals
insert() {
  sql "WITH RECURSIVE n(i) AS (SELECT $1 UNION ALL SELECT i + 1 FROM n WHERE i < $2)
       INSERT INTO jobs(file_token, script_name, script) SELECT 'file' || i, 'job' || i,
         'for (var i = 0; i < ${3:-30}; i++) { console.log(\"line \" + i + \"x\".repeat(${5:-3}));' ||
         'Time.sleep(${4:-100}); } \"done\"' FROM n"
}

states() { sql "SELECT group_concat(line, ', ') FROM
  (SELECT state || ' ' || count(*) AS line FROM jobs GROUP BY state)"; }
running() { [ "$(sql "SELECT count(*) FROM jobs WHERE state = 'running'")" = "$1" ]; }
logged() { grep -q "$1" "$work/daemon.log"; }
# handed_out WHAT: the service has done a status request since then
handed_out() { [ "$(grep -c '"event":"handed_out"' "$work/ledger")" -gt "$1" ]; }

# A reader that keeps its view of the database until reader_off.
reader_on() {
  [ -p "$work/reader" ] || mkfifo "$work/reader"
  sqlite3 "$db" < "$work/reader" > "$work/reader.out" &
  reader_pid=$!
  exec 8> "$work/reader"
  printf '%s\n' 'BEGIN;' 'SELECT count(*) FROM jobs;' >&8
  wait_for 20 "the reader" test -s "$work/reader.out"
}
reader_off() {
  exec 8>&-
  wait $reader_pid
  rm "$work/reader.out"
}

# --- the disk is full, with replies on their way ------------------------------------------------------
fill() {
  dd if=/dev/zero of="$work/full_disk/filler" bs=64k 2> /dev/null || true
  dd if=/dev/zero of="$work/full_disk/filler2" bs=512 2> /dev/null || true
}

# Replies come when there is no space left: the service has done a request and answers later.
fill_under_way() {
  admin POST /admin/faults '{"endpoint": "status", "kind": "delay_after", "ms": 2000}' > /dev/null
  local before
  before=$(grep -c '"event":"handed_out"' "$work/ledger" || true)
  wait_for 30 "a status request" handed_out "$before"
  reader_on # the write-ahead log cannot begin anew: each write needs space
  fill
  admin DELETE /admin/faults > /dev/null
}

full_disk_mounted() {
  begin full_disk
  mount -t tmpfs -o size=32m,mode=755 kdq "$work/full_disk"
  here_mounted=$work/full_disk
  start_daemon --config "$work/config.json"
  insert 1 6
  wait_for 30 "six running scripts" running 6
  fill_under_way
  wait_for 60 "the daemon's word about the disk" logged "is full"
  local asked
  asked=$(served status)
  sleep 5
  expect "status requests while replies are unsaved" "$asked" "$(served status)"
  rm "$work"/full_disk/filler*
  reader_off
  wait_for 60 "the daemon's word about the end of it" logged "can be written again"
  wait_for 60 "the six scripts" all_ended

  # Asked to stop while the disk is full: what arrived goes to the space that was reserved for it.
  insert 7 12
  wait_for 30 "six running scripts" running 6
  : > "$work/daemon.log"
  fill_under_way
  wait_for 60 "the daemon's word about the disk" logged "is full"
  sleep 3 # until all that was asked has been answered
  kill -TERM $daemon_pid
  wait_for 20 "the daemon's word about the stop" logged "stopping"
  stop_daemon # the second signal: it does not wait for space
  rm "$work"/full_disk/filler*
  reader_off
  start_daemon --config "$work/config.json"
  wait_for 60 "the six scripts" all_ended
  stop_daemon
  expect "states" "succeeded 12" "$(states)"
  audit "in gaps 0, duplicates 0, invented 0, out of order 0, lost 0"
  umount "$here_mounted"
  here_mounted=
}

full_disk() {
  mkdir -p "$work/try"
  if mount -t tmpfs -o size=1m kdq "$work/try" 2> /dev/null; then
    umount "$work/try"
    full_disk_mounted
  elif unshare -rm true 2> /dev/null; then
    unshare -rm bash "$here/outage_test.sh" "$bin" full_disk_mounted
  else
    echo "skipped: the full disk, because this machine lets nobody mount a small one"
  fi
}

# --- the file's rights are wrong: the sentence names them, and its command repairs them ---------------
read_only_database() {
  begin read_only_database
  chmod 755 "$work"
  write_token
  local program=$queued
  if [ "$(id -u)" = 0 ]; then # who may write everything
    chown nobody "$work/read_only_database" "$work/token"
    if ! setpriv --reuid nobody --regid nogroup --clear-groups test -x "$program"; then
      echo "skipped: the read-only database, because nobody else may run $program"
      return
    fi
    printf '%s\n' '#!/bin/bash' \
      "exec setpriv --reuid nobody --regid nogroup --clear-groups '$program' \"\$@\"" > "$work/as_nobody"
    chmod 755 "$work/as_nobody"
    queued=$work/as_nobody
  fi
  start_daemon --config "$work/config.json"
  insert 1 3 5
  wait_for 60 "three scripts" all_ended
  stop_daemon
  [ "$(id -u)" != 0 ] || chown root:root "$db"
  chmod 0440 "$db"
  local said code=0
  said=$("$queued" run --database "$db" --base-url "$base_url" --token-file "$work/token" 2>&1) || code=$?
  expect "exit code on a read-only database" 1 $code
  contains "words about a read-only database" "owned by $(stat -c %U:%G "$db") with mode 0440" "$said"
  contains "words about a read-only database" "Repair: chown " "$said"
  local repair=${said##*Repair: }
  eval "$repair"
  start_daemon --config "$work/config.json"
  insert 4 6 5
  wait_for 60 "three more scripts" all_ended
  stop_daemon
  queued=$program
  expect "states" "succeeded 6" "$(states)"
  audit "in gaps 0, duplicates 0, invented 0, out of order 0, lost 0"
}

# --- another program holds the write lock -------------------------------------------------------------
locked_database() {
  begin locked_database
  # Stands in for the service manager's watchdog, where systemd's own tool is there to do it.
  local watched= signs=$work/signs
  if command -v systemd-socket-activate > /dev/null; then
    systemd-socket-activate -d -l "$work/notify" --inetd sh -c "exec cat > '$signs'" 2> /dev/null &
    watched=$!
    wait_for 20 "the listener" test -S "$work/notify"
    export NOTIFY_SOCKET=$work/notify WATCHDOG_USEC=2000000
  fi
  start_daemon --config "$work/config.json"
  unset NOTIFY_SOCKET WATCHDOG_USEC
  insert 1 6
  wait_for 30 "six running scripts" running 6
  printf '%s\n' '.timeout 20000' 'BEGIN IMMEDIATE;' \
    ".shell touch '$work/locked'; while test -e '$work/locked'; do sleep 0.1; done" 'COMMIT;' |
    sqlite3 "$db" &
  local locker=$! asked
  wait_for 30 "the lock" test -e "$work/locked"
  wait_for 30 "the daemon's word about the lock" logged "locked by another program"
  sleep 2 # what was under way has been answered
  asked=$(served status)
  [ -z "$watched" ] || cp "$signs" "$signs.before"
  sleep "${LOCK_SECONDS:-30}"
  expect "status requests that could not be noted first" "$asked" "$(served status)"
  alive() { [ "$(grep -o WATCHDOG=1 "$signs" | wc -l)" -gt "$(grep -o WATCHDOG=1 "$signs.before" | wc -l)" ]; }
  [ -z "$watched" ] || wait_for 30 "a sign of life during the lock" alive
  rm "$work/locked"
  wait $locker
  wait_for 60 "the six scripts" all_ended
  wait_for 20 "the daemon's word that it goes on" logged "can be written again"
  stop_daemon
  [ -z "$watched" ] || kill $watched
  expect "states" "succeeded 6" "$(states)"
  audit "in gaps 0, duplicates 0, invented 0, out of order 0, lost 0"
}

# --- a reader keeps the write-ahead log from beginning anew -------------------------------------------
left_open_reader() {
  local limit=$((16 * 1024 * 1024)) # journal_size_limit
  begin left_open_reader
  start_daemon --config "$work/config.json"
  reader_on
  insert 1 150 20 5 4000
  wait_for 120 "150 scripts" all_ended
  local grown
  grown=$(stat -c %s "$db-wal")
  [ "$grown" -gt $limit ] || fail "the write-ahead log has only $grown bytes"
  reader_off
  small() { sql "INSERT INTO jobs(file_token, script) VALUES ('f', '1')" &&
    [ "$(stat -c %s "$db-wal")" -le $limit ]; }
  wait_for 60 "a small write-ahead log" small
  echo "write-ahead log: $grown bytes, then $(stat -c %s "$db-wal")"
  wait_for 60 "the small scripts" all_ended
  stop_daemon
  sql "DELETE FROM jobs WHERE script_name IS NULL"
  expect "states" "succeeded 150" "$(states)"
}

# --- the database's file is moved away under the daemon -----------------------------------------------
moved_database() {
  begin moved_database
  start_daemon --config "$work/config.json"
  insert 1 6
  wait_for 30 "six running scripts" running 6
  mv "$db" "$db.moved"
  local code=0
  wait $daemon_pid || code=$?
  daemon_pid=
  expect "exit code without its database" 1 $code
  wait_for 20 "the daemon's word about the moved file" logged "was replaced, moved or removed while it was in use"
  [ ! -e "$db" ] || fail "something stands where the database was"
  mv "$db.moved" "$db"
  start_daemon --config "$work/config.json"
  wait_for 60 "the six scripts" all_ended
  stop_daemon
  expect "states" "succeeded 6" "$(states)"
  audit
}

# --- the token file holds rubbish for a while -----------------------------------------------------------
rubbish_token() {
  begin rubbish_token
  start_daemon --config "$work/config.json"
  insert 1 4
  wait_for 30 "four running scripts" running 4
  head -c 3000 /dev/urandom > "$work/token"
  insert 5 8
  wait_for 30 "the daemon's word about the token" logged "token"
  expect "jobs that wait for a token" 4 "$(sql "SELECT count(*) FROM jobs WHERE id > 4 AND state = 'queued'")"
  : > "$work/token"
  sleep 1
  write_token
  wait_for 60 "eight scripts" all_ended
  stop_daemon
  expect "states" "succeeded 8" "$(states)"
  audit "in gaps 0, duplicates 0, invented 0, out of order 0, lost 0"
}

# --- the service is down for a while, and forgets its tasks ----------------------------------------------
service_down() {
  begin service_down
  start_daemon --config "$work/config.json"
  insert 1 4
  wait_for 30 "four running scripts" running 4
  end_sandbox
  [ -z "$(tail -c 1 "$work/ledger")" ] || echo >> "$work/ledger"
  insert 5 8
  wait_for 60 "the daemon's word about the service" logged "no answer from KDocs"
  start_sandbox --quota-submit 100000 --quota-status 1000000
  wait_for 120 "eight jobs" all_ended
  stop_daemon
  expect "jobs that had not been sent" 4 \
    "$(sql "SELECT count(*) FROM jobs WHERE id > 4 AND state = 'succeeded' AND attempt = 1")"
  expect "jobs that the service forgot" 4 \
    "$(sql "SELECT count(*) FROM jobs WHERE id <= 4 AND state = 'failed' AND error LIKE '%no such task%'")"
  audit
}

[ $# -gt 0 ] || set -- full_disk read_only_database locked_database left_open_reader moved_database \
  rubbish_token service_down
for scenario in "$@"; do
  $scenario
done
echo "ok"
