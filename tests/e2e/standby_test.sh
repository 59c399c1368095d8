#!/bin/bash
# usage: standby_test.sh BUILD-FOLDER
# What the README says of a second machine, on one: the backups of the first are copied, the first is
# gone, the second takes over. Nothing runs twice unless a person has released it, and the tokens are the
# second one's own.
source "$(dirname "$0")/lib.sh"

app_key=k3y-s3cret-$RANDOM
start_sandbox --oauth-app "SXtest:$app_key"
first=$work/first second=$work/second
mkdir -p "$first/backups" "$second/backups"
for place in "$first" "$second"; do
  (umask 077 && echo "$app_key" > "$place/key")
  cat > "$place/config.json" <<JSON
{"database": "queue.db", "backup": {"directory": "backups", "every": "1m", "keep": 3},
 "apps": {"default": {"base_url": "$base_url", "app_id": "SXtest", "app_key_file": "key",
   "redirect_uri": "https://example.org/back", "requests_per_second": 0}}}
JSON
done
begin() { # begin PLACE
  db=$1/queue.db
  "$queued" run --config "$1/config.json" >> "$work/daemon.log" 2>&1 &
  daemon_pid=$!
  wait_for 20 "the daemon" grep -qsx "$daemon_pid" "$db.lock"
  wait_for 20 "the schema" sql "SELECT 1 FROM jobs LIMIT 1"
}
ended() { [ "$(sql "SELECT count(*) FROM jobs WHERE state = 'succeeded'")" = "$1" ]; }
held() { sql "SELECT count(*) FROM jobs WHERE state = 'unconfirmed' AND error LIKE 'held: %'"; }
are_held() { [ "$(held)" = "$1" ]; }

"$queued" init --config "$first/config.json" > /dev/null
paste_login --config "$first/config.json"
begin "$first"
sql "INSERT INTO jobs(file_token, script) VALUES('f', '\"before\"')"
wait_for 30 "the first job" ended 1
sql "INSERT INTO jobs(file_token, script) VALUES('f', 'for (var i = 0; i < 40; i++) { console.log(i); Time.sleep(300) }'),
  ('f', '\"after it\"')"
wait_for 20 "a running script" eval '[ "$(sql "SELECT state FROM jobs WHERE id = 2")" = running ]'
# As the timer would find it: the newest copy of the configuration's, or one by hand.
"$queued" backup --config "$first/config.json" "$first/backups/by-hand.db" > /dev/null
cp "$first/backups/by-hand.db" "$second/backups/"
wait_for 60 "what is not in the copy any more" ended 3
starts=$(served submit)
kill -KILL $daemon_pid # the machine is off
{ wait $daemon_pid || true; } 2> /dev/null
daemon_pid=

"$queued" restore "$second/backups/by-hand.db" --config "$second/config.json" > /dev/null
paste_login --config "$second/config.json"
begin "$second"
wait_for 20 "all that had not ended" are_held 2
expect "what had ended" '"before"' "$(sql "SELECT result FROM jobs WHERE id = 1")"
sql "INSERT INTO jobs(file_token, script) VALUES('f', '\"new\"')"
wait_for 30 "a new job" ended 2
expect "starts at the service" $((starts + 1)) "$(served submit)"
sql "UPDATE jobs SET state = 'cancelled' WHERE id = 2"
sql "UPDATE jobs SET state = 'queued' WHERE state = 'unconfirmed' AND error LIKE 'held: %'"
wait_for 30 "the one that was released" ended 3
expect "starts at the service" $((starts + 2)) "$(served submit)"
expect "health" "" "$(sql "SELECT message FROM health")"
stop_daemon
echo "ok"
