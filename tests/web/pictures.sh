#!/bin/bash
# Makes pictures of each page with made-up work: 1280 pixels wide and light, 390 wide and dark.
#   bash tests/web/pictures.sh FOLDER
set -euo pipefail
[ $# = 1 ] || { echo "usage: bash tests/web/pictures.sh FOLDER" >&2; exit 2; }
mkdir -p "$1"
folder=$(realpath "$1")
cd "$(dirname "$0")/../.."

bash tests/setup.sh
cmake --preset dev > /dev/null
cmake --build --preset dev --target kdocs-queued kdocs-queued-web kdocs-sandbox | tail -n 1
source tests/e2e/lib.sh build/dev
source tests/web/modules.sh
source tests/web/work.sh

browser_modules "$bin/web_modules"
start_sandbox --max-script-seconds 86400
start_daemon
work_db=$db work_url=$base_url
make_work
wait_for 120 "some work that is done" work_is "count(*) >= 40 FROM jobs WHERE state = 'succeeded'" 1
"$bin/daemon/web/kdocs-queued-web" --database "$db" --listen 127.0.0.1:0 --port-file "$work/web_port" \
  --allow-actions > "$work/web.log" 2>&1 &
web_pid=$!
wait_for 20 "the page" test -s "$work/web_port"
node tests/web/pictures.mjs "$bin/web_modules" "http://127.0.0.1:$(cat "$work/web_port")" "$db" "$folder"
ls "$folder"
