#!/bin/bash
# usage: exec_test.sh BUILD-FOLDER
# The commands for shell scripts, exec and follow, against a real daemon: exit codes, what is on stdout
# and what on stderr, signals, what is refused, and other members of the group.
source "$(dirname "$0")/lib.sh"

client_pid=
leave() {
  local code=$?
  kill -KILL $client_pid 2> /dev/null || true
  (exit $code)
  finish
}
trap leave EXIT

# run CODE COMMAND [ARGUMENT...]: of the program; $out and $err have what it said.
run() {
  local wanted=$1 code=0
  shift
  "$queued" "$1" --database "$db" "${@:2}" > "$work/out" 2> "$work/err" || code=$?
  out=$(cat "$work/out") err=$(cat "$work/err")
  [ "$wanted" = $code ] || fail "exit code of $*: expected $wanted, got $code; it says: $err"
}
# begin COMMAND [ARGUMENT...]: in the background, with signals as a terminal's programs have them;
# end CODE WHAT: waits for it.
begin() {
  rm -f "$work/out" "$work/err" # what the one before has said
  env --default-signal=INT,HUP,TERM "$queued" "$1" --database "$db" "${@:2}" > "$work/out" 2> "$work/err" &
  client_pid=$!
}
end() {
  local code=0
  wait $client_pid || code=$?
  client_pid=
  out=$(cat "$work/out") err=$(cat "$work/err")
  expect "exit code of $2 (it says: $err)" "$1" $code
}
said() { grep -qsF -- "$2" "$work/$1"; }
last_id() { sql "SELECT max(id) FROM jobs"; }
is() { [ "$(sql "SELECT state FROM jobs WHERE id = $1")" = "$2" ]; }
enqueued() { said err "is enqueued"; }
# json PATH: its values in the lines of stdout that have it.
json() {
  sqlite3 :memory: "SELECT json_extract(value, '$1') FROM json_each('[' ||
    replace(trim(CAST(readfile('$work/out') AS TEXT), char(10)), char(10), ',') || ']')
    WHERE json_extract(value, '$1') IS NOT NULL"
}

endless='console.log("begun"); for (var i = 0; i < 3000 && Application.Range("A1").Text != "end"; i++) Time.sleep(100)'
printf 'console.log("one"); console.warn("two"); console.log("three"); ({"who": Arguments.get("who")})' > "$work/good.js"
printf '%s' "$endless" > "$work/endless.js"

start_sandbox
echo "== without a queue"
run 2 exec f "$work/good.js"
contains "no database" "there is no database $db" "$err"
[ ! -e "$db" ] || fail "exec has made a database"

start_daemon
echo "== success"
run 0 exec f "$work/good.js" --argv '{"who": "Ann"}' --name good --timeout 60
expect "log lines on stdout" $'已开始执行\none\nthree\n执行完毕' "$out"
contains "a warning" "warn: two" "$err"
contains "the id" "job 1 is enqueued" "$err"
expect "the row" "good|60|default|text|{\"who\": \"Ann\"}" \
  "$(sql "SELECT script_name, timeout_s, app, typeof(script), argv FROM jobs WHERE id = 1")"
expect "what is watched" 1 "$(sql "SELECT count(*) FROM watches WHERE job_id = 1")"
run 0 exec f - --result <<< '[1, "a", 12345678901234567890.5]'
expect "the result alone" '[1,"a",12345678901234567000]' "$out"
contains "log lines with --result" "执行完毕" "$err"
run 0 exec f "$work/good.js" --json
expect "lines as JSON" $'已开始执行\none\ntwo\nthree\n执行完毕' "$(json '$.log.message')"
expect "the warning as JSON" warn "$(json '$.log.level' | sed -n 3p)"
expect "the end as JSON" "3|succeeded|0" \
  "$(json '$.end.job_id')|$(json '$.end.state')|$(json '$.end.exit_code')"
contains "progress as JSON" running "$(json '$.progress.state')"

echo "== what a terminal would obey"
run 0 exec f - --result <<< 'console.log("\u001b[31mred\u009b"); "\u001b[2J\u007f\u009b"'
expect "a result with control characters" '"\u001b[2J\u007f\u009b"' "$out"
contains "a line with control characters" '\u001b[31mred\u009b' "$err"
run 0 exec f - --json <<< 'console.log("\u001b[31m"); "\u007f\u009b"'
! grep -qP '[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]' "$work/out" || fail "control characters in JSON: $out"

echo "== other ends"
run 1 exec f - <<< 'console.log(1); nosuchfunction()'
contains "a failed job" "has failed: " "$err"
contains "a failed job" "nosuchfunction" "$err"
run 124 exec f "$work/endless.js" --timeout 1
contains "a job that timed out" "has timed out" "$err"
begin exec g "$work/endless.js"
wait_for 20 "the id" enqueued
id=$(last_id)
wait_for 20 "its first line" said out begun
sql "UPDATE jobs SET state = 'cancelled' WHERE id = $id"
end 1 "a job that was cancelled"
contains "a cancelled job" "job $id was cancelled" "$err"
admin POST /admin/faults '{"kind": "drop_after", "endpoint": "submit", "count": 1}' > /dev/null
run 3 exec h "$work/good.js"
contains "an unconfirmed job" "is unconfirmed: " "$err"
contains "what to do" "UPDATE jobs SET state = 'queued' WHERE id = $(last_id)" "$err"
run 3 follow "$(last_id)"
sql "UPDATE jobs SET state = 'cancelled' WHERE id = $(last_id)"
sql "INSERT INTO pauses(scope) VALUES('all')"
begin exec f "$work/good.js"
wait_for 20 "the id" enqueued
sql "DELETE FROM jobs WHERE id = $(last_id)"
end 1 "a job that was deleted"
contains "a deleted job" "was deleted" "$err"
sql "DELETE FROM pauses"

echo "== again"
sql "INSERT INTO jobs(file_token, script, max_attempts) VALUES('i', 'console.log(1); nosuchfunction()', 2)"
id=$(last_id)
begin follow $id
wait_for 30 "the word about it" said err "job $id is queued again: attempt 2 of 2 starts at"
sql "UPDATE jobs SET run_at = NULL WHERE id = $id"
end 1 "a job that failed twice"
contains "the second attempt" "attempt 2 of job $id begins" "$err"
expect "lines of both" 2 "$(grep -cx 1 <<< "$out")"

echo "== signals"
for signal in INT TERM; do
  begin exec f "$work/endless.js"
  wait_for 20 "its first line" said out begun
  kill -$signal $client_pid
  [ $signal = INT ] && end 130 "Ctrl-C" || end 143 "SIGTERM"
  id=$(last_id)
  contains "the command to go on" "kdocs-queued follow --database $db $id" "$err"
  is $id running || fail "the job does not go on after SIG$signal"
  begin exec g "$work/endless.js" --cancel-on-interrupt
  wait_for 20 "its first line" said out begun
  kill -$signal $client_pid
  [ $signal = INT ] && end 130 "Ctrl-C that cancels" || end 143 "SIGTERM that cancels"
  is "$(last_id)" cancelled || fail "the job was not cancelled by SIG$signal"
  sql "UPDATE jobs SET state = 'cancelled' WHERE id = $id"
done
# Who was started with nohup, or by & of a script, is not meant.
rm "$work/out" "$work/err"
nohup "$queued" exec --database "$db" f "$work/endless.js" > "$work/out" 2> "$work/err" &
client_pid=$!
wait_for 20 "its first line" said out begun
kill -HUP $client_pid
kill -INT $client_pid
id=$(last_id)
sql "UPDATE jobs SET state = 'cancelled' WHERE id = $id"
end 1 "a job that nohup protects"

echo "== follow"
run 0 follow 1
expect "lines of a job that has ended" $'已开始执行\none\nthree\n执行完毕' "$out"
run 0 follow 1 --result
expect "result of a job that has ended" '{"who":"Ann"}' "$out"
run 1 follow 4711
contains "a job that is not there" "job 4711 is not there" "$err"
run 2 follow
run 2 follow x
begin exec f "$work/endless.js" --timeout 3
wait_for 20 "its first line" said out begun
code=0
second=$("$queued" follow --database "$db" "$(last_id)" 2> /dev/null) || code=$?
expect "exit code of following a job that is running" 124 $code
contains "lines of a job that is running" begun "$second"
end 124 "the other one who follows it"

echo "== what is refused"
jobs=$(sql "SELECT count(*) FROM jobs")
refused() { # refused PART ARGUMENT...
  local part=$1
  shift
  run 2 exec "$@"
  contains "refusal of $*" "$part" "$err"
}
refused "share id" https://www.kdocs.cn/l/cq1 "$work/good.js"
refused "argv must be a JSON object" f "$work/good.js" --argv '[1]'
refused "timeout_s must be a positive number" f "$work/good.js" --timeout 0
refused "app must not be empty" f "$work/good.js" --app ''
refused "none.js cannot be read: No such file" f "$work/none.js"
refused "cannot be read: Is a directory" f "$work"
: > "$work/empty.js"
refused "empty.js is empty" f "$work/empty.js"
printf 'a\xff' > "$work/latin.js"
refused "is not UTF-8: its byte 2" f "$work/latin.js"
head -c 16777217 /dev/zero | tr '\0' ' ' > "$work/long.js"
refused "has more than 16777216 bytes" f "$work/long.js"
refused "SCRIPT is required" f
refused "--timeout" f "$work/good.js" --timeout x
expect "jobs after all that" "$jobs" "$(sql "SELECT count(*) FROM jobs")"
run 1 exec f "$work/good.js" --app nosuch # what only the daemon can know
contains "an app that is not configured" "'nosuch' is not configured" "$err"

echo "== many lines"
printf 'for (var i = 0; i < 20000; i++) console.log("line " + i)' > "$work/many.js"
run 0 exec f "$work/many.js"
expect "lines" "$(seq -f 'line %.0f' 0 19999 | sha256sum)" "$(grep ^line "$work/out" | sha256sum)"
code=0
"$queued" follow --database "$db" "$(last_id)" 2> "$work/err" | head -n 2 > "$work/out" || code=${PIPESTATUS[0]}
expect "what head takes" 2 "$(wc -l < "$work/out")"
expect "words about a pipe that nobody reads" "" "$(cat "$work/err")"
expect "exit code then" 141 $code
# Nothing is to be written when the reader goes.
printf '%s; ' 'console.log("first")' "$endless" > "$work/quiet.js"
code=0
"$queued" exec --database "$db" f "$work/quiet.js" 2> "$work/err" | grep -m 1 begun > "$work/out" || code=${PIPESTATUS[0]}
expect "exit code of a job whose reader goes" 141 $code
sql "UPDATE jobs SET state = 'cancelled' WHERE id = $(last_id)"

echo "== a terminal"
if command -v script > /dev/null; then
  script -qec "'$queued' exec --database '$db' f '$work/endless.js' --timeout 10" /dev/null < /dev/null > "$work/out" && fail "it cannot succeed" || code=$?
  expect "exit code at a terminal" 124 $code
  contains "the line of progress" "job $(last_id) runs for " "$(cat "$work/out")"
  contains "a line is wiped before another" $'\r\x1b[K' "$(cat "$work/out")"
fi

echo "== a daemon that starts later"
stop_daemon
begin exec f "$work/good.js"
wait_for 20 "the word about the daemon" said err "the daemon is stopped: start kdocs-queued"
[ -s "$db-wal" ] || fail "exec has made a checkpoint"
start_daemon
end 0 "a job that waits for the daemon"
contains "its lines" three "$out"

echo "== members of the group"
if [ "$(id -u)" = 0 ] && setpriv --reuid nobody --regid nogroup --clear-groups true; then
  stop_daemon
  group=54321
  cp "$queued" "$work/program"
  chgrp $group "$work" "$db"* "$work/program" "$work/good.js"
  chmod 2770 "$work"
  chmod 750 "$work/program"
  chmod 640 "$work/good.js"
  start_daemon
  chgrp $group "$db"*
  as_member() { setpriv --reuid nobody --regid nogroup --groups $group "$work/program" "$@"; }
  as_member exec --database "$db" f "$work/good.js" > "$work/out" 2> "$work/err" || fail "a member: $(cat "$work/err")"
  contains "what a member sees" three "$(cat "$work/out")"
  as_member follow --database "$db" 1 > "$work/out" 2> "$work/err" || fail "a member follows: $(cat "$work/err")"
  # Who may only read can still follow.
  chmod 640 "$db"*
  as_member follow --database "$db" 1 > "$work/out" 2> "$work/err" || fail "a reader follows: $(cat "$work/err")"
  contains "what a reader sees" three "$(cat "$work/out")"
  code=0
  as_member exec --database "$db" f "$work/good.js" 2> "$work/err" || code=$?
  expect "exit code for a reader" 2 $code
  contains "words for a reader" "with mode 0640" "$(cat "$work/err")"
  chmod 660 "$db"*
  chmod 755 "$work/program"
  chmod 2771 "$work"
  chmod 644 "$work/good.js"
  code=0
  setpriv --reuid nobody --regid nogroup --clear-groups "$work/program" exec --database "$db" f "$work/good.js" 2> "$work/err" || code=$?
  expect "exit code for a stranger" 2 $code
  contains "words for a stranger" "Its group may: adduser nobody $group" "$(cat "$work/err")"
else
  echo "skipped: the group, because nobody else can be impersonated"
fi

echo "== a queue that is replaced"
begin exec f "$work/endless.js"
wait_for 20 "its first line" said out begun
stop_daemon
"$queued" backup --database "$db" "$work/copy.db" > /dev/null
"$queued" restore --database "$db" "$work/copy.db" > /dev/null
end 3 "a queue that was replaced"
contains "words about it" "cannot be followed any more" "$err"
echo "ok"
