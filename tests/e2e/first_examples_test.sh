#!/bin/bash
# usage: first_examples_test.sh BUILD-FOLDER
# The API page's two examples and a failing script, over http and TLS and with both reply shapes.
source "$(dirname "$0")/lib.sh"

file=G_xvUrobayOMXvA4IJFVq19n6epm0T7PjYphWo-N3cE
printf 'console.log("foo")\r\nTime.sleep(1000)\r\nconsole.log("bar")' > "$work/hello.js"

run_examples() {
  sql "INSERT INTO jobs(file_token, script, script_name) VALUES('$file', readfile('$work/hello.js'), 'test')"
  sql "INSERT INTO jobs(file_token, script) VALUES('$file', 'Application.Range(\"A1\").Text')"
  sql "INSERT INTO jobs(file_token, script, script_name) VALUES('other', 'console.log(1);
nosuchfunction()', 'bad')"
  sql "INSERT INTO jobs(file_token, script, argv) VALUES('other', 'console.log(\"##progress\", 40, \"half done\")
Arguments.get(\"who\")', '{\"who\": \"Ann\"}')"
  wait_for 60 "the four jobs" all_ended

  expect "log of the first example" \
"info|system|已开始执行
info|test.ks:1:1|foo
info|test.ks:3:1|bar
info|system|执行完毕" \
    "$(sql "SELECT level, filename, message FROM job_logs WHERE job_id = 1")"
  expect "result of the first example" 'succeeded|"[Undefined]"|0' \
    "$(sql "SELECT state, result, log_gaps FROM results WHERE job_id = 1")"
  expect "result of the second example" 'succeeded|"bar"' \
    "$(sql "SELECT state, result FROM results WHERE job_id = 2")"
  expect "state of the failing script" failed "$(sql "SELECT state FROM results WHERE job_id = 3")"
  contains "error of the failing script" nosuchfunction "$(sql "SELECT error FROM results WHERE job_id = 3")"
  expect "lines of the failing script before its error" "已开始执行 1" \
    "$(sql "SELECT group_concat(message, ' ') FROM job_logs WHERE job_id = 3 AND seq <= 2")"
  expect "an argument" '"Ann"' "$(sql "SELECT result FROM results WHERE job_id = 4")"
  expect "the progress of a script" "40|half done" "$(sql "SELECT progress, progress_text FROM jobs WHERE id = 4")"
}

for shape in A B; do
  start_sandbox --shape $shape --cell A1=bar
  start_daemon
  run_examples
  stop_daemon
  kill $sandbox_pid
  wait $sandbox_pid || true
  rm -f "$db"*
done

# --- TLS: with the right certificate it works, with another nothing is sent ---------------------
certificate() {
  openssl req -x509 -newkey rsa:2048 -nodes -keyout "$work/$1.key" -out "$work/$1.pem" -days 2 \
    -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 2> /dev/null
}
certificate server
certificate stranger
cat > "$work/config.json" <<JSON
{ // the certificate of the service is not one of the system's
  "database": "$db",
  "apps": {"default": {"ca_file": "$work/server.pem"}}
}
JSON
scheme=https start_sandbox --cert "$work/server.pem" --key "$work/server.key" --cell A1=bar
SSLKEYLOGFILE=$work/keys start_daemon --config "$work/config.json"
run_examples
stop_daemon

sed -i s/server.pem/stranger.pem/ "$work/config.json"
requests=$(served submit)
start_daemon --config "$work/config.json"
sql "INSERT INTO jobs(file_token, script) VALUES('$file', '1')"
wait_for 20 "the reason in the log" grep -qi certificate "$work/daemon.log"
has_reason() { sql "SELECT error FROM jobs WHERE id = 5" | grep -qi certificate; }
wait_for 20 "the reason on the job" has_reason
# It is tried again at times, so that a look may find it being sent.
waits_untried() { [ "$(sql "SELECT state, attempt FROM jobs WHERE id = 5")" = "queued|0" ]; }
wait_for 20 "a job that could not be sent in the queue, without an attempt" waits_untried
expect "starts that reached the server" "$requests" "$(served submit)"
expect "starts in the quota" 4 "$(sql "SELECT sum(used) FROM quota WHERE endpoint = 'submit'")"
stop_daemon
[ ! -s "$work/keys" ] || fail "the keys of the connections are in a file"
echo "ok"
