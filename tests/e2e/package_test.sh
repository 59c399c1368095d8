#!/bin/bash
# usage: package_test.sh BUILD-FOLDER
# The Debian package, built and installed under a real systemd: its service is ready, watched, restarted
# under load, upgraded, removed and purged; its token shows nowhere. Skipped where no container boots.
source "$(dirname "$0")/container.sh"
source "$(dirname "$0")/expect.sh"
own_mounts "$@"

build=$(realpath "$1")
project=$(realpath "$(dirname "$0")/../..")
bash "$project/tests/setup.sh" systemd-container dbus lintian > /dev/null || skip "packages that this needs cannot be installed"

work=$(mktemp -d)
token=s3cret-$RANDOM-$RANDOM-token
app_key=k3y-s3cret-$RANDOM-$RANDOM
config=/etc/kdocs-queued/kdocs-queued.json
db=/var/lib/kdocs-queued/queue.db
unit=kdocs-queued.service

finish() {
  local code=$?
  if [ $code != 0 ] && [ $code != 77 ] && [ -n "${container:-}" ]; then
    inside journalctl --no-pager -n 40 >&2 || true
  fi
  shut_down
  leave_cgroup
  umount "$work/root" "$work/changes" 2> /dev/null || true
  rm -rf --one-file-system "$work"
  return $code
}
trap finish EXIT

step() { echo "== $*"; }

sql() { inside sqlite3 -cmd '.timeout 20000' "$db" "$@"; }
answers() { [ "$(sql "$2")" = "$1" ]; }
all_ended() { answers 0 "SELECT sum(jobs) FROM job_counts"; }
property() { inside systemctl show --value --property="$1" "$unit"; }
main_pid() { property MainPID; }
restarted_from() { [ "$(main_pid)" != "$1" ] && inside systemctl is-active --quiet "$unit"; }
# served KIND: requests that the service got.
served() {
  inside curl -sS --fail "$base_url/admin/ledger" > "$work/ledger"
  sqlite3 :memory: "SELECT coalesce(json_extract(CAST(readfile('$work/ledger') AS TEXT), '\$.received.$1'), 0)"
}
# enqueue COUNT SECONDS
enqueue() {
  sql "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
       INSERT INTO jobs(file_token, script, script_name)
       SELECT 'file-' || i, 'console.log(\"begun\"); Time.sleep($2 * 1000); console.log(\"done\"); ' || i, 'load' FROM n"
}
running() { [ "$(sql "SELECT count(*) FROM jobs WHERE state = 'running'")" -ge "$1" ]; }
# none_lost: every job has succeeded at its first start, with its result and its lines.
none_lost() {
  wait_for 180 "all jobs" all_ended
  expect "jobs that did not succeed at once" 0 \
    "$(sql "SELECT count(*) FROM jobs WHERE state <> 'succeeded' OR attempt <> 1")"
  expect "jobs without their result" 0 \
    "$(sql "SELECT count(*) FROM jobs WHERE script_name = 'load' AND result IS NULL")"
  expect "log lines of the jobs without a gap" 0 \
    "$(sql "SELECT count(*) FROM jobs AS j WHERE log_gaps = 0 AND script_name = 'load' AND 2 >
              (SELECT count(*) FROM logs WHERE job_id = j.id AND message IN ('begun', 'done'))")"
  expect "scripts that the service was asked to start" "$(sql "SELECT count(*) FROM jobs")" "$(served submit)"
}

step "building the package"
bash "$project/systemd/debian/build.sh" "$work/deb" > /dev/null
package=$(echo "$work"/deb/*.deb)
expect "lintian" "" "$(lintian --allow-root "$package" 2>&1)"

step "booting"
enter_cgroup
view "$work"
mkdir "$root_folder/opt/kdq"
cp "$package" "$root_folder/opt/kdq/kdocs-queued.deb"
cp "$build"/tests/sandbox/kdocs-sandbox{,-engine} "$project/tests/e2e/take_mail.sh" "$root_folder/opt/kdq"
dpkg-deb -R "$package" "$work/newer"
sed -i 's/^Version: .*/&+newer/' "$work/newer/DEBIAN/control"
dpkg-deb -b "$work/newer" "$root_folder/opt/kdq/newer.deb" > /dev/null
(umask 077 && printf '%s\n' "$token" > "$root_folder/root/token")
boot "$work/console"

step "a fresh installation: the service works, and says what it needs"
inside dpkg -i /opt/kdq/kdocs-queued.deb > "$work/dpkg" 2>&1 || fail "$(cat "$work/dpkg")"
expect "the service" "active enabled" "$(inside systemctl is-active "$unit") $(inside systemctl is-enabled "$unit")"
for page in kdocs-queued.1 kdocs-queued-web.1 kdocs-queued.json.5 kdocs-queued.7; do
  inside test -s "/usr/share/man/man${page##*.}/$page.gz" || fail "there is no page $page"
done
expect "the folder of secrets" "700 root" "$(inside stat -c '%a %U' /etc/kdocs-queued/secrets)"
sql "INSERT INTO jobs(file_token, script) VALUES('f', '\"first\"')"
wait_for 30 "health" answers "app default" "SELECT subject FROM health"
contains "health" "systemctl restart kdocs-queued" "$(sql "SELECT message FROM health")"

step "what it logs has its priority"
lines=$(inside journalctl -u "$unit" -o json --output-fields=PRIORITY,MESSAGE)
contains "warnings" '"PRIORITY":"4"' "$(grep 'the token file' <<< "$lines")"
contains "information" '"PRIORITY":"6"' "$(grep 'kdocs-queued .* starts' <<< "$lines")"
contains "journalctl -p warning" "the token file" "$(inside journalctl -u "$unit" -p warning)"

step "with its token from the folder of secrets it is well"
# The service learns the token from a file, so that it is in no command line.
inside systemd-run --quiet --unit=kdq-sandbox /opt/kdq/kdocs-sandbox --port 0 --port-file /opt/kdq/port --token none \
  --oauth-app "SXpackage:$app_key"
wait_for 30 "the sandbox" inside test -s /opt/kdq/port
base_url=http://127.0.0.1:$(inside cat /opt/kdq/port)
inside sh -c 'printf "{\"token\": \"%s\"}" "$(cat /root/token)" > /root/token.json'
inside curl -sS --fail --data @/root/token.json "$base_url/admin/token" > /dev/null
inside install -m 600 /root/token /etc/kdocs-queued/secrets/token
inside sed -i "s|https://developer.kdocs.cn|$base_url|; s|\"log_level\": \"info\"|\"log_level\": \"debug\"|" /etc/kdocs-queued/kdocs-queued.json
inside kdocs-queued check --config /etc/kdocs-queued/kdocs-queued.json > "$work/check" || fail "check: $(cat "$work/check")"
inside systemctl restart "$unit"
wait_for 60 "the job that waited for the token" answers '"first"' "SELECT result FROM results"
expect "health" "" "$(sql "SELECT * FROM health")"

step "the page runs once it is asked for, reads the queue, and reaches no token"
expect "the page after the installation" "inactive disabled" \
  "$(inside systemctl is-active kdocs-queued-web) $(inside systemctl is-enabled kdocs-queued-web)"
page() { inside curl -sS --fail -b /root/jar -c /root/jar "http://127.0.0.1:8742$1"; }
page_shows() { page "$1" 2> /dev/null | grep -qF "$2"; }
inside systemctl enable --now --quiet kdocs-queued-web
wait_for 30 "the page" page_shows /jobs/1 '&quot;first&quot;'
expect "the probe" ok "$(page /healthz)"
pid=$(inside systemctl show --value --property=MainPID kdocs-queued-web)
for path in /etc/kdocs-queued /var/lib/kdocs-queued/tokens; do
  expect "what the page sees of $path" "" "$(inside nsenter -t "$pid" -m ls "$path" 2> /dev/null)"
done
inside nsenter -t "$pid" -m touch /var/lib/kdocs-queued/x 2> /dev/null && fail "the page may write beside the queue"
page_shows /jobs/1 '<button' && fail "there are buttons that nobody asked for"

step "with its drop-in the page changes what a person presses"
inside install -D -m 644 /usr/share/kdocs-queued/web-actions.conf /etc/systemd/system/kdocs-queued-web.service.d/actions.conf
inside systemctl daemon-reload
inside systemctl restart kdocs-queued-web
job=$(sql "INSERT INTO jobs(file_token, script, run_at) VALUES('f', '1', datetime('now', '+1 day')) RETURNING id")
wait_for 30 "a button" page_shows "/jobs/$job" '<button'
form_token=$(page "/jobs/$job" | sed -n 's/.*name="form_token" value="\([0-9a-f]*\)".*/\1/p' | head -n 1)
inside curl -sS --fail -b /root/jar -H 'Origin: http://127.0.0.1:8742' --data "form_token=$form_token&action=cancel&job=$job" \
  http://127.0.0.1:8742/act > /dev/null
expect "the job that was cancelled there" cancelled "$(sql "SELECT state FROM jobs WHERE id = $job; DELETE FROM jobs WHERE id = $job")"
inside systemctl disable --now --quiet kdocs-queued-web
inside rm -r /etc/systemd/system/kdocs-queued-web.service.d

step "somebody is to be told by mail when a person must act"
inside systemd-run --quiet --unit=kdq-mail systemd-socket-activate --accept --inetd -l 127.0.0.1:25 \
  bash /opt/kdq/take_mail.sh /opt/kdq/mail
printf 'url = "smtp://127.0.0.1"\nmail-from = "me@a.test"\nmail-rcpt = "you@b.test"\n' |
  inside sh -c 'umask 077; cat > /etc/kdocs-queued/secrets/mail'
inside sed -i 's|"notify": \[\]|"notify": [{"on": ["blocked"], "command": ["/usr/share/kdocs-queued/notify-mail", "mail"]}]|' \
  /etc/kdocs-queued/kdocs-queued.json
inside kdocs-queued check --config /etc/kdocs-queued/kdocs-queued.json | grep -q 'told by /usr/share/kdocs-queued/notify-mail' ||
  fail "check does not name the command"
inside systemctl restart "$unit"

step "a member of the group inserts with sqlite3, nobody else does"
inside useradd --create-home --groups kdocs-queued alice
inside useradd --create-home bob
insert="INSERT INTO jobs(file_token, script) VALUES('f', '6 * 7')"
inside runuser -u alice -- sqlite3 -cmd '.timeout 20000' "$db" "$insert"
! inside runuser -u bob -- sqlite3 "$db" "$insert" 2> /dev/null || fail "anybody may insert"
wait_for 60 "alice's job" all_ended
expect "alice's job" "succeeded|42" \
  "$(inside runuser -u alice -- sqlite3 "$db" "SELECT state, result FROM results ORDER BY job_id DESC LIMIT 1")"

step "restart and upgrade while scripts run"
enqueue 20 6
wait_for 60 "running scripts" running 10
before=$(main_pid)
inside systemctl restart "$unit"
restarted_from "$before" || fail "it was not restarted"
enqueue 20 6
wait_for 60 "running scripts" running 10
before=$(main_pid)
inside dpkg -i /opt/kdq/newer.deb > "$work/dpkg" 2>&1 || fail "$(cat "$work/dpkg")"
wait_for 60 "a restart by the upgrade" restarted_from "$before"
contains "the configuration after an upgrade" "$base_url" "$(inside cat /etc/kdocs-queued/kdocs-queued.json)"
none_lost

step "a reload takes limits and backups; a wrong file changes nothing"
enqueue 10 4
wait_for 60 "running scripts" running 5
before=$(main_pid)
inside sed -i 's|"max_running": 100|"max_running": 77|; s|"directory": ""|"directory": "/var/lib/kdocs-queued/backups"|' $config
inside systemctl reload "$unit"
wait_for 30 "the new limit" answers 77 "SELECT max_running FROM daemon"
wait_for 60 "a backup" answers 1 "SELECT count(*) FROM backup WHERE made_at IS NOT NULL AND error IS NULL"
inside cp $config /root/right.json
inside sh -c "echo '{' > $config"
inside systemctl reload "$unit"
wait_for 30 "the row in health" answers configuration "SELECT subject FROM health"
inside cp /root/right.json $config
inside systemctl reload "$unit"
wait_for 30 "no row in health" answers 0 "SELECT count(*) FROM health"
expect "the process after three reloads" "$before" "$(main_pid)"
none_lost

step "a process that hangs is replaced"
# As the unit has it, but sooner: a stopped process does not end by SIGABRT.
inside mkdir -p "/run/systemd/system/$unit.d"
printf '[Service]\nWatchdogSec=3s\nTimeoutStopSec=3s\n' | inside tee "/run/systemd/system/$unit.d/soon.conf" > /dev/null
inside systemctl daemon-reload
inside systemctl restart "$unit"
enqueue 5 3
wait_for 60 "a running script" running 1
before=$(main_pid)
inside kill -STOP "$before"
wait_for 120 "a restart by the watchdog" restarted_from "$before"
inside rm -r "/run/systemd/system/$unit.d"
inside systemctl daemon-reload
none_lost

step "exposure at most 1.5"
inside systemd-analyze security --threshold=15 --no-pager "$unit" > "$work/security" || fail "$(tail -n 1 "$work/security")"
tail -n 1 "$work/security"

step "the token shows nowhere"
inside curl -sS --fail --data '{"token": "another"}' "$base_url/admin/token" > /dev/null
sql "INSERT INTO jobs(file_token, script) VALUES('f', '1')"
wait_for 60 "the refusal" answers 1 "SELECT count(*) FROM health WHERE message LIKE '%refuses the access token%'"
wait_for 60 "a mail about it" inside test -s /opt/kdq/mail
contains "the mail" "the app default is blocked: KDocs refuses the access token" "$(inside cat /opt/kdq/mail)"
inside journalctl --all -o export > "$work/journal"
grep -q 'was sent, attempt' "$work/journal" || fail "the journal has no lines of level debug"
inside systemctl show --all "$unit" > "$work/show"
sql .dump > "$work/dump"
inside sh -c 'cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ' > "$work/processes" 2> /dev/null || true
inside find /var/lib/kdocs-queued -type f -exec cat {} + > "$work/files"
for seen in journal show dump processes files check; do
  [ -s "$work/$seen" ] || fail "nothing was looked at: $seen"
  ! grep -q -a -F "$token" "$work/$seen" || fail "the token is in: $seen"
done

step "a person consents, and the service has tokens of its own"
printf '%s\n' "$app_key" | inside sh -c 'umask 077; cat > /etc/kdocs-queued/secrets/app_key'
inside sed -i 's|"token_file": "secrets/token"|"app_id": "SXpackage", "app_key_file": "secrets/app_key", "redirect_uri": "http://127.0.0.1:18765/callback"|' $config
inside systemctl restart "$unit"
wait_for 30 "the command in health" answers 1 \
  "SELECT count(*) FROM health WHERE message LIKE '%a person has to consent: kdocs-queued login --config $config --app default%'"
inside systemd-run --quiet --unit=kdq-login --property=StandardOutput=file:/root/login.log kdocs-queued login --config $config
wait_for 30 "the address" inside grep -q '^  http' /root/login.log
inside sh -c 'curl -sS --fail -L "$(sed -n "s/^  \(http.*\)$/\1/p" /root/login.log)"' > /dev/null
wait_for 60 "the job that waited" all_ended
wait_for 30 "no row in health" answers 0 "SELECT count(*) FROM health" # a new consent is noticed some seconds later
expect "the token store" "600 kdocs-queued" "$(inside stat -c '%a %U' /var/lib/kdocs-queued/tokens/default.json)"
! inside runuser -u alice -- cat /var/lib/kdocs-queued/tokens/default.json 2> /dev/null || fail "a member of the group can read the tokens"
inside journalctl --all -o export -u "$unit" -u kdq-login > "$work/journal"
inside systemctl show --all "$unit" > "$work/show"
sql .dump > "$work/dump"
for secret in "$app_key" $(inside sed -n 's/.*_token": "\(.*\)".*/\1/p' /var/lib/kdocs-queued/tokens/default.json); do
  for seen in journal show dump; do
    ! grep -q -a -F -e "$secret" "$work/$seen" || fail "a secret is in: $seen"
  done
done

step "removed: the queue stays, and is gone on with"
sql "UPDATE jobs SET state = 'cancelled' WHERE state = 'queued'"
jobs=$(sql "SELECT count(*) FROM jobs")
inside dpkg -r kdocs-queued > /dev/null 2>&1
! inside systemctl is-active "$unit" > /dev/null || fail "it runs after it was removed"
inside dpkg -i /opt/kdq/kdocs-queued.deb > /dev/null 2>&1
expect "the service" active "$(inside systemctl is-active "$unit")"
expect "jobs after a new installation" "$jobs" "$(sql "SELECT count(*) FROM jobs")"

step "purged: the queue stays unless somebody says that it may go"
leftovers() {
  inside find /etc /usr /lib/systemd /var /run -xdev -regex '.*kdocs[-_]queued.*' -not -path '/var/lib/kdocs-queued*' -not -path '*/man/*'
}
inside dpkg -P kdocs-queued > "$work/dpkg" 2>&1 || fail "$(cat "$work/dpkg")"
expect "what is left beside the queue" "" "$(leftovers)"
expect "the queue's owner" kdocs-queued "$(inside stat -c %U "$db")"
expect "jobs after a purge" "$jobs" "$(sql "SELECT count(*) FROM jobs")"
inside dpkg -i /opt/kdq/kdocs-queued.deb > /dev/null 2>&1
echo "kdocs-queued kdocs-queued/remove_queue boolean true" | inside debconf-set-selections
inside dpkg -P kdocs-queued > "$work/dpkg" 2>&1 || fail "$(cat "$work/dpkg")"
expect "what is left" "" "$(leftovers)"
! inside test -e /var/lib/kdocs-queued || fail "the queue is left"
! inside getent passwd kdocs-queued || fail "the user is left"
! inside getent group kdocs-queued || fail "the group is left"
echo ok
