#!/bin/bash
# Shows the whole product on this machine: builds it, starts a sandbox of the service and the daemon,
# enqueues three scripts with sqlite3, follows their logs, prints results and quota, stops everything.
#   bash tests/demo.sh --web    instead makes up a day's work, and shows it as web pages until Ctrl-C
set -euo pipefail
cd "$(dirname "$0")/.."
case ${1:-} in
  '' | --web) web=${1:-} ;;
  *) echo "usage: bash tests/demo.sh [--web]" >&2; exit 2 ;;
esac

bash tests/setup.sh
echo "== building"
cmake --preset dev > /dev/null
cmake --build --preset dev --target kdocs-queued kdocs-sandbox ${web:+kdocs-queued-web} | tail -n 1
build=build/dev

work=$(mktemp -d)
pids=()
finish() {
  kill "${pids[@]}" 2> /dev/null || true
  wait "${pids[@]}" 2> /dev/null || true
  rm -rf "$work"
}
trap finish EXIT

echo "== starting the sandbox of the service and the daemon"
(umask 077 && echo demo-token > "$work/token")
$build/tests/sandbox/kdocs-sandbox --token demo-token --cell A1=bar --port 0 --port-file "$work/port" \
  ${web:+--max-script-seconds 86400} > "$work/sandbox.log" &
pids+=($!)
for _ in $(seq 200); do [ -s "$work/port" ] && break; sleep 0.05; done
$build/daemon/kdocs-queued run --database "$work/queue.db" --token-file "$work/token" \
  --base-url "http://127.0.0.1:$(cat "$work/port")" 2> "$work/daemon.log" &
pids+=($!)
sql() { sqlite3 -cmd '.timeout 5000' "$work/queue.db" "$@"; }
for _ in $(seq 200); do [ -f "$work/queue.db" ] && sql "SELECT 1 FROM jobs LIMIT 1" > /dev/null 2>&1 && break; sleep 0.05; done

if [ "$web" ]; then
  source tests/e2e/expect.sh
  source tests/web/work.sh
  work_db=$work/queue.db work_url=http://127.0.0.1:$(cat "$work/port")
  echo "== making up work"
  make_work
  $build/daemon/web/kdocs-queued-web --database "$work/queue.db" --listen 127.0.0.1:0 \
    --port-file "$work/web_port" --allow-actions 2> "$work/web.log" &
  pids+=($!)
  wait_for 20 "the pages" test -s "$work/web_port"
  echo "== the pages: http://127.0.0.1:$(cat "$work/web_port")    the queue: $work/queue.db    Ctrl-C ends all"
  wait
  exit
fi

echo "== enqueuing three scripts with sqlite3"
printf 'console.log("foo")\r\nTime.sleep(1000)\r\nconsole.log("bar")' > "$work/hello.js"
sql "INSERT INTO jobs(file_token, script, script_name)
     VALUES('G_xvUrobayOMXvA4IJFVq19n6epm0T7PjYphWo-N3cE', readfile('$work/hello.js'), 'test')"
sql "INSERT INTO jobs(file_token, script)
     VALUES('G_xvUrobayOMXvA4IJFVq19n6epm0T7PjYphWo-N3cE', 'Application.Range(\"A1\").Text')"
sql "INSERT INTO jobs(file_token, script, script_name) VALUES('another-file', 'nosuchfunction()', 'broken')"

echo "== their log lines as they come"
seen=0
for _ in $(seq 600); do
  lines=$(sql "SELECT count(*) FROM logs")
  if [ "$lines" -gt "$seen" ]; then
    sql -separator '  ' "SELECT 'job ' || job_id, timestamp, level, filename, message FROM logs
                         ORDER BY fetched_at, job_id, attempt, seq LIMIT -1 OFFSET $seen"
    seen=$lines
  fi
  [ "$(sql "SELECT count(*) FROM results")" = 3 ] && [ "$(sql "SELECT count(*) FROM logs")" = "$seen" ] && break
  sleep 0.1
done

echo "== results"
sql -box "SELECT job_id, script_name, state, result, error FROM results"
echo "== quota"
sql -box "SELECT * FROM quota"
