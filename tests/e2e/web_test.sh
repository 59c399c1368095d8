#!/bin/bash
# usage: web_test.sh BUILD-FOLDER
# The pages of a queue at work, as a browser shows them; and their buttons, as a hand clicks them.
source "$(dirname "$0")/lib.sh"
source "$here/../web/modules.sh"
source "$here/../web/work.sh"

browser_modules "$bin/web_modules"

start_sandbox --max-script-seconds 86400
start_daemon
work_db=$db work_url=$base_url
make_work
sql < "$here/../web/hostile.sql"
wait_for 120 "what ends by itself" work_is "count(*) FROM jobs WHERE state IN ('queued', 'submitting', 'running')
  AND (script_name IN ('orders', 'prices', '库存同步', 'broken', 'sum', 'total', 'too-slow') OR script_name LIKE '%planted%'
       AND depends_on IS NULL)" 0
wait_for 120 "the first line of a job that runs on" work_is "count(*) > 0 FROM logs WHERE message = 'row 1'" 1

"$bin/daemon/web/kdocs-queued-web" --database "$db" --listen 127.0.0.1:0 --port-file "$work/web_port" \
  --metrics-file "$work/queue.prom" --allow-actions > "$work/web.log" 2>&1 &
web_pid=$!
wait_for 20 "the page" test -s "$work/web_port"
node "$here/../web/look.mjs" "$bin/web_modules" "http://127.0.0.1:$(cat "$work/web_port")" "$db" ||
  { cat "$work/web.log" >&2; fail "the pages"; }

echo "== the metrics"
address=http://127.0.0.1:$(cat "$work/web_port")
curl -sS --fail "$address/metrics" > "$work/metrics"
contains "the metrics" 'kdocs_queued_jobs_finished_total{app="default",state="failed"}' "$(cat "$work/metrics")"
if command -v promtool > /dev/null; then # of Debian's package prometheus
  promtool check metrics < "$work/metrics" || fail "the metrics as Prometheus reads them"
  promtool check rules "$here/../../systemd/monitoring/alerts.yml" || fail "the alert rules"
fi
contains "the file for a collector" 'kdocs_queued_jobs{state="queued"}' "$(cat "$work/queue.prom")"
expect "a probe" ok "$(curl -sS --fail "$address/healthz")"

echo "== the end"
code=0
kill -TERM $web_pid
wait $web_pid || code=$?
expect "exit code of a page that was asked to stop" 0 $code
web_pid=
stop_daemon
