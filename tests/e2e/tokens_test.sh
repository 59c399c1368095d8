#!/bin/bash
# usage: tokens_test.sh BUILD-FOLDER
# Tokens that renew themselves: a login, expiries under load, a lost reply to a renewal, a kill between
# its reply and the store, a refused renewal, and a new login while the daemon runs. No job is lost or
# pays for it, nothing is sent with a token that is known to have ended, and no secret shows anywhere.
source "$(dirname "$0")/lib.sh"

app_key=k3y-s3cret-$RANDOM-of-the-app
store=$work/tokens/default.json
life=8 # seconds of an access token

# asked PATH SQL: a question to what the sandbox answers, which stands as JSON in answer(j).
asked() {
  admin GET "$1" > "$work/answer.json"
  sqlite3 :memory: "WITH answer(j) AS (SELECT CAST(readfile('$work/answer.json') AS TEXT)) $2"
}
oauth() { asked /admin/oauth "SELECT json_extract(j, '\$.$1') FROM answer"; }
change() { admin POST /admin/oauth "$1" > /dev/null; }
log_in() { "$queued" login --config "$work/config.json" "$@"; }

# browse LOGFILE: opens the address that a login has printed, as a browser would.
browse() { curl -sS -L -o "$work/page" -w '%{http_code}' "$(consent_address "$1")"; }

# begin_login: in the background; sets login.
begin_login() {
  rm -f "$work/login.log"
  log_in > "$work/login.log" 2>&1 &
  login=$!
}

# in_the_browser: a whole login over the listener.
in_the_browser() {
  begin_login
  expect "the browser's last page" 200 "$(browse "$work/login.log")"
  wait $login || { cat "$work/login.log" >&2; fail "the login"; }
}

# vain_login WHAT SENTENCE: the same, but it ends with the sentence, and without tokens.
vain_login() {
  begin_login
  browse "$work/login.log" > /dev/null
  ! wait $login || fail "a login $1"
  contains "the sentence" "$2" "$(cat "$work/login.log")"
}

# refused TEXT COMMAND...: the command fails with this sentence.
refused() {
  local text=$1 said
  shift
  said=$("$@" 2>&1 < /dev/null) && fail "this should have been refused: $*"
  contains "the refusal" "$text" "$said"
}

insert_jobs() { # insert_jobs COUNT
  sql "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
       INSERT INTO jobs(file_token, script, script_name)
       SELECT 'f' || (i % 10), 'console.log(' || i || '); Time.sleep(300)', 's' FROM n"
}
health() { sql "SELECT group_concat(subject || ': ' || message, char(10)) FROM health"; }
health_says() { [[ "$(health)" == *"$1"* ]]; }
healthy() { [ -z "$(health)" ]; }
renewed() { [ "$(oauth refreshes)" -ge "$1" ]; }

redirect_port=$((20000 + RANDOM % 10000))
start_sandbox --verbose --oauth-app "AKtest:$app_key" --oauth-expires-in $life --quota-submit 100000
(umask 077 && echo "$app_key" > "$work/key")
configure() { # configure SCOPES
  cat > "$work/config.json" <<JSON
{"database": "queue.db", "log_level": "debug", "apps": {"default": {"base_url": "$base_url",
  "app_id": "AKtest", "app_key_file": "key", "redirect_uri": "http://127.0.0.1:$redirect_port/callback",
  "scopes": "$1", "requests_per_second": 0}}}
JSON
}
configure access_personal_files,edit_personal_files
token_daemon() {
  "$queued" run --config "$work/config.json" >> "$work/daemon.log" 2>&1 &
  daemon_pid=$!
  wait_for 20 "the daemon" grep -qsx "$daemon_pid" "$db.lock"
  wait_for 20 "the schema" sql "SELECT 1 FROM jobs LIMIT 1"
}

echo "== before anybody has consented"
token_daemon
command="kdocs-queued login --config $work/config.json --app default"
wait_for 20 "the sentence in health" health_says "a person has to consent: $command"
sql "INSERT INTO jobs(file_token, script) VALUES('f', '1')"
waits() { [[ "$(sql "SELECT reason FROM waiting")" == *"a person has to consent: $command" ]]; }
wait_for 20 "the reason why a job waits" waits
expect "attempts of a job that waits" 0 "$(sql "SELECT attempt FROM jobs")"

echo "== logins that are refused change nothing"
change '{"person": "refuse"}'
vain_login "without consent" "the consent was refused (access_denied)"
change '{"person": "wrong_state"}'
vain_login "with another state" "carries another state than the one of this login"
change '{"person": "agree", "scopes": "access_personal_files"}'
vain_login "without a scope" "the consent lacks the scope edit_personal_files"
change '{"scopes": "access_personal_files,edit_personal_files"}'
[ ! -e "$store" ] || fail "a refused login has stored something"
refused "the app \"other\" is not configured" log_in --app other
refused "no address was pasted" log_in --paste
sandbox_as_redirect=$redirect_port
redirect_port=$sandbox_port configure access_personal_files,edit_personal_files
refused "the port $sandbox_port of redirect_uri cannot be listened on" log_in
redirect_port=$sandbox_as_redirect
configure access_personal_files,edit_personal_files

echo "== a login while the daemon runs"
in_the_browser
wait_for 30 "the job that waited" all_ended
expect "its state" succeeded "$(sql "SELECT state FROM jobs")"
expect "mode of the store" "600 700" "$(stat -c %a "$store") $(stat -c %a "$(dirname "$store")")"
wait_for 20 "no rows in health" healthy

echo "== expiries under load"
insert_jobs 100
before=$(oauth refreshes)
wait_for 180 "five renewals" renewed $((before + 5))
insert_jobs 30
wait_for 180 "the jobs" all_ended

echo "== a login by pasting, into a running daemon"
paste_login --config "$work/config.json" --paste
paste_again() { log_in --paste <<< "$pasted"; }
refused "carries another state" paste_again

echo "== a refresh token that stays: a lost reply costs nothing"
change '{"rotate": "no"}'
admin POST /admin/faults '{"endpoint": "refresh", "kind": "drop_after", "count": 2}' > /dev/null
before=$(oauth refreshes)
wait_for 120 "a renewal after two lost replies" renewed $((before + 3))
insert_jobs 10
wait_for 60 "the jobs" all_ended
wait_for 20 "no rows in health" healthy

echo "== killed between the reply and the store, with grace"
change '{"rotate": "grace"}'
for round in 1 2 3; do
  admin POST /admin/faults '{"endpoint": "refresh", "kind": "delay_after", "ms": 1500, "count": 1}' > /dev/null
  before=$(oauth refreshes)
  wait_for 120 "a renewal that has begun" renewed $((before + 1))
  kill -KILL $daemon_pid
  { wait $daemon_pid || true; } 2> /dev/null
  sleep 4 # until the sandbox is done with that one, which it would count as a second at the same time
  token_daemon
done
insert_jobs 10
wait_for 120 "the jobs" all_ended
wait_for 60 "no rows in health" healthy

echo "== a refused renewal: a person has to consent anew"
change '{"rotate": "yes", "refuse_refresh": true}'
wait_for 120 "the sentence in health" health_says "KDocs refuses to renew the access token"
contains "the command" "$command" "$(health)"
blocked() { [ "$(sql "SELECT state FROM apps")" = blocked ]; }
has_run_out() { [ "$(sql "SELECT token_expires_at < strftime('%Y-%m-%d %H:%M:%f', 'now') FROM apps")" = 1 ]; }
wait_for 60 "the end of the token" has_run_out
insert_jobs 5
wait_for 60 "the app to be blocked" blocked
change '{"refuse_refresh": false, "account": "somebody-else"}'
vain_login "as somebody else" "this is another account than before"
change '{"account": "sandbox-account"}'
in_the_browser
wait_for 60 "the jobs" all_ended
wait_for 20 "no rows in health" healthy

echo "== all that was given is withdrawn under way"
change '{"revoke": true}'
insert_jobs 1 # so that no other start is on its way when its refusal comes
wait_for 60 "the sentence in health" health_says "KDocs refuses to renew the access token"
insert_jobs 10
in_the_browser
wait_for 120 "the jobs" all_ended
stop_daemon

echo "== nothing lost, nothing twice, nothing in vain, nothing shown"
expect "jobs that did not succeed at once" 0 \
  "$(sql "SELECT count(*) FROM jobs WHERE state <> 'succeeded' OR attempt <> 1")"
expect "scripts: the service's count" "$(sql "SELECT count(*) FROM jobs")" \
  "$(asked /admin/tasks 'SELECT json_array_length(j) FROM answer')"
expect "starts with a token that was refused before" 0 "$(oauth expired_submits_again)"
expect "renewals at the same time" 0 "$(oauth concurrent_refreshes)"
secrets="$app_key $(sed -n 's/.*_token": "\(.*\)".*/\1/p' "$store") $(sed 's/.*[?&]code=\([^&]*\).*/\1/' <<< "$pasted")"
[ "$(wc -w <<< "$secrets")" = 4 ] || fail "the test does not know the secrets"
for secret in $secrets; do
  for output in "$work/daemon.log" "$work/login.log" "$work/sandbox.log" "$db" "$db-wal"; do
    [ ! -e "$output" ] || ! grep -q -a -F -e "$secret" "$output" || fail "a secret is in $(basename "$output")"
  done
  ! sql .dump | grep -q -F -e "$secret" || fail "a secret is in the database"
done
echo "ok"
