#!/bin/bash
# usage: notify_test.sh BUILD-FOLDER
# Somebody hears of what fails: real commands, in order, at least once, over a kill -9 and a stop; and
# the two that are installed, with servers that take a mail and a message.
source "$(dirname "$0")/lib.sh"
examples=$here/../../systemd/examples

cat > "$work/tell" <<'SH'
#!/bin/sh
# Notes what it is told; with a file "hold" it does not end before that is gone.
cat >> "$1/told"
tr '\0' ' ' < /proc/$$/cmdline >> "$1/commands"
while [ -e "$1/hold" ]; do sleep 0.05; done
[ ! -e "$1/broken" ] || { echo "the line is dead, token=$(cat "$1/broken")"; exit 7; }
echo "$(grep -c . "$1/told")" >> "$1/ended"
SH
chmod +x "$work/tell"
configure() { # configure NOTIFY-RULES
  cat > "$work/config.json" <<JSON
{"log_level": "debug", "apps": {"default": {"requests_per_second": 0}}, "notify": $1}
JSON
}
insert() { sql "INSERT INTO jobs(file_token, script) VALUES('$1', '$2') RETURNING id"; }
told() { # told SQL-EXPRESSION: of each line that was told, in order
  sqlite3 :memory: "SELECT group_concat($1, ' ') FROM (SELECT value AS j FROM json_each(
    '[' || rtrim(replace(CAST(readfile('$work/told') AS TEXT), char(10), ','), ',') || ']'))"
}
lines() { [ "$(grep -c . "$work/told")" = "$1" ]; }
all_told() { [ "$(sql "SELECT count(*) FROM notifications WHERE state = 'waiting'")" = 0 ]; }
answers() { [ "$(sql "$2")" = "$1" ]; }

configure '[{"on": ["failed", "timed_out", "unconfirmed", "blocked", "health"],
             "command": ["'"$work/tell"'", "'"$work"'"]}]'
start_sandbox
start_daemon --config "$work/config.json"

echo "== each event, in order"
insert a 'throw new TypeError("no such sheet")' > /dev/null
wait_for 30 "the failed job" lines 1
admin POST /admin/faults '{"endpoint": "submit", "kind": "drop_after", "count": 1}' > /dev/null
insert b '1' > /dev/null
wait_for 30 "the lost start" lines 2
insert c '"well"' > /dev/null
wait_for 30 "all jobs" all_ended
expect "what was told" "failed 1 unconfirmed 2" "$(told "j ->> 'event' || ' ' || (j ->> '\$.job.id')")"
contains "the sentence" "job 1 has failed: TypeError: no such sheet" "$(told "j ->> 'text'")"
expect "the rows" "done done" "$(sql "SELECT group_concat(state, ' ') FROM notifications WHERE event <> 'health'")"

echo "== an app that is blocked"
echo wrong > "$work/token"
sleep 6 # the file is looked at every 5 s
waiting=$(insert a 2)
wait_for 30 "the word about the app" grep -q '"event":"blocked"' "$work/told"
contains "the sentence" "the app default is blocked: KDocs refuses the access token" "$(told "j ->> 'text'")"
wait_for 30 "the word about health" grep -q '"subject":"app default"' "$work/told"
wait_for 30 "the word about the lost start" grep -q '"subject":"jobs"' "$work/told"
write_token
wait_for 30 "the job after the token" answers succeeded "SELECT state FROM jobs WHERE id = $waiting"
wait_for 30 "all words" all_told
expect "words about the app" 1 "$(grep -c '"event":"blocked"' "$work/told")"

echo "== killed while a command runs: it is run again"
sql "UPDATE jobs SET state = 'cancelled' WHERE state = 'unconfirmed'"
: > "$work/told"
touch "$work/hold"
for i in 1 2 3; do insert a "throw \"a$i\"" > /dev/null; done
wait_for 30 "the command" lines 1
wait_for 30 "the other events" answers 3 "SELECT count(*) FROM notifications WHERE state = 'waiting'"
kill -KILL $daemon_pid
wait $daemon_pid 2> /dev/null || true
start_daemon --config "$work/config.json"
wait_for 30 "the command once more" lines 2
rm "$work/hold"
wait_for 30 "all words" all_told
expect "the order" "a1 a1 a2 a3" "$(told "j ->> '\$.job.error'")"

echo "== a stop waits for a command, and for its end only so long"
touch "$work/hold"
: > "$work/told"
insert a 'throw "b1"' > /dev/null
wait_for 30 "the command" lines 1
kill -TERM $daemon_pid
wait_for 30 "the stop" grep -q 'SIGTERM: stopping' "$work/daemon.log"
kill -0 $daemon_pid || fail "the daemon did not wait for the command"
kill -TERM $daemon_pid # now it does not wait
wait $daemon_pid || fail "the daemon did not stop in order"
expect "the row" 1 "$(sql "SELECT count(*) FROM notifications WHERE state = 'waiting'")"
rm "$work/hold"
: > "$work/told"
start_daemon --config "$work/config.json"
wait_for 30 "the command at the next start" lines 1
wait_for 30 "all words" all_told

echo "== a command that fails is seen, and tried again"
echo SECRET > "$work/broken"
insert a 'throw "c1"' > /dev/null
wait_for 30 "health" answers notifications "SELECT subject FROM health"
contains "health" "exit code 7: the line is dead" "$(sql "SELECT message FROM health")"
rm "$work/broken"
wait_for 60 "the second try" all_told
expect "tries" 2 "$(sql "SELECT attempts FROM notifications ORDER BY id DESC LIMIT 1")"
expect "health" "" "$(sql "SELECT * FROM health")"

echo "== a user of the queue cannot have anything run"
sql "INSERT INTO notifications(at, event, payload, command)
     VALUES(datetime('now'), 'failed', '{}', json_array('/usr/bin/touch', '$work/stolen'))"
wait_for 30 "the row" all_told
contains "why" "no rule of the setting notify has this command" \
  "$(sql "SELECT last_error FROM notifications WHERE state = 'given_up'")"
[ ! -e "$work/stolen" ] || fail "a command of a user's was run"
stop_daemon

echo "== the token shows nowhere"
for seen in told commands daemon.log; do
  [ -s "$work/$seen" ] || fail "nothing was looked at: $seen"
  ! grep -q -a -F "$token" "$work/$seen" || fail "the token is in $seen"
done
! sql .dump | grep -q -F "$token" || fail "the token is in the database"

if ! command -v systemd-socket-activate > /dev/null; then
  echo "skipped the rest: systemd-socket-activate, which listens for the servers, is not installed"
  exit 0
fi

# serve NAME SCRIPT: a server that runs the script for each connection; sets port.
servers=
serve() {
  for port in $(shuf -i 20000-32000 -n 20); do
    systemd-socket-activate --accept --inetd -l "127.0.0.1:$port" bash -c "$2" > "$work/$1.log" 2>&1 &
    servers+=" $!"
    wait_for 20 "the server $1" grep -qE 'Listening|Failed' "$work/$1.log"
    ! grep -q Failed "$work/$1.log" || continue
    return 0
  done
  fail "no port is free"
}
leave() {
  local code=$?
  kill $servers 2> /dev/null || true
  (exit $code)
  finish
}
trap leave EXIT
serve smtp "exec bash '$here/take_mail.sh' '$work/mail'"
printf 'url = "smtp://127.0.0.1:%s"\nmail-from = "me@a.test"\nmail-rcpt = "you@b.test"\n' $port > "$work/secrets_mail"
# Takes a message, as the robot of a group does; the first one it refuses in its way.
serve robot 'length=0
  while IFS= read -r line && [ "$line" != $'"'\r'"' ]; do
    case $line in
      POST*) printf "%s\n" "$line" >> '"$work/requests"' ;;
      [Cc]ontent-[Ll]ength:*) length=${line#*: }; length=${length%?} ;;
    esac
  done
  head -c "$length" >> '"$work/messages"'; echo >> '"$work/messages"'
  reply="{\"errcode\":93000,\"errmsg\":\"invalid webhook url\"}"
  [ $(wc -l < '"$work/messages"') = 1 ] || reply="{\"errcode\":0,\"errmsg\":\"ok\"}"
  printf "HTTP/1.1 200 OK\r\nContent-Length: %s\r\nConnection: close\r\n\r\n%s" ${#reply} "$reply"'
printf 'url = "http://127.0.0.1:%s/send?key=ROBOT-KEY"\n' $port > "$work/secrets_robot"

echo "== a mail, and a message of a robot"
configure '[{"on": ["failed"], "command": ["'"$examples/notify-mail"'", "mail"]},
            {"on": ["failed"], "command": ["'"$examples/notify-robot"'", "robot"]}]'
export CREDENTIALS_DIRECTORY=$work
start_daemon --config "$work/config.json"
insert a 'throw "the \"sheet\" 表 is\nnot \\ there"' > /dev/null
wait_for 30 "the mail" test -s "$work/mail"
contains "the envelope" "RCPT TO:<you@b.test>" "$(cat "$work/mail.commands")"
contains "the mail" $'From: me@a.test\nTo: you@b.test\nSubject: kdocs-queued: failed\n' "$(cat "$work/mail")"
contains "the mail" $'has failed: the "sheet" 表 is\nnot \\ there\n' "$(cat "$work/mail")"
wait_for 30 "the refusal" answers 1 "SELECT count(*) FROM notifications WHERE last_error LIKE '%invalid webhook url%'"
wait_for 60 "the message" all_told
expect "messages" 2 "$(wc -l < "$work/messages")"
message=$(tail -n 1 "$work/messages")
contains "the message" 'kdocs-queued: job ' "$(sqlite3 :memory: "SELECT '${message//\'/\'\'}' ->> '\$.text.content'")"
contains "the message" $'failed: the "sheet" 表 is\nnot \\ there' \
  "$(sqlite3 :memory: "SELECT '${message//\'/\'\'}' ->> '\$.text.content'")"
contains "the request" "/send?key=ROBOT-KEY" "$(cat "$work/requests")"
stop_daemon
! grep -q -F ROBOT-KEY "$work/daemon.log" || fail "the robot's key is in the log"
! sql .dump | grep -q -F ROBOT-KEY || fail "the robot's key is in the database"
echo ok
