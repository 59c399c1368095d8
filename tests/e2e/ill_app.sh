# A second app, "ill", whose service is faulty: a sandbox process and a ledger of its own.
# To be sourced after lib.sh; the healthy app is not to notice anything of it.
ill_port=0 ill_url= ill_stopped= ill_troubles=0

ill_up() {
  rm -f "$work/ill_port"
  # More threads than requests that hang, so that the admin path answers.
  "$sandbox" --port "$ill_port" --port-file "$work/ill_port" --token "$token" --threads 512 \
    --ledger "$work/ill_ledger" --quota-submit 1000000 --quota-status 10000000 > "$work/ill.log" 2>&1 &
  ill_pid=$!
  wait_for 20 "the ill app's sandbox" test -s "$work/ill_port"
  ill_port=$(cat "$work/ill_port")
  ill_url=http://127.0.0.1:$ill_port
}

ill_fault() { curl -sS --fail -X POST "$ill_url/admin/faults" --data "$1" > /dev/null; }

# Its tasks are gone with it. A line that it was writing is ended, so that the next one is whole.
ill_down() {
  kill -KILL $ill_pid
  wait $ill_pid 2> /dev/null || true
  ill_pid=
  [ -z "$(tail -c 1 "$work/ill_ledger")" ] || echo >> "$work/ill_ledger"
}

# What is wrong with it ends.
ill_recovers() {
  [ -z "$ill_stopped" ] || kill -CONT $ill_pid
  ill_stopped=
  if [ -z "$ill_pid" ]; then
    ill_up
  else
    curl -sS --fail -X DELETE "$ill_url/admin/faults" > /dev/null
  fi
}

# What was wrong with it ends, and something else may begin.
ill_changes() {
  ill_recovers
  local fault=
  case $((RANDOM % 12)) in
    0 | 1) fault='{"kind": "delay", "ms": 20000, "count": 60}' ;; # takes requests, does not answer
    2) fault='{"kind": "status", "http_status": 429, "retry_after": 2, "probability": 0.7}' ;;
    3) fault='[{"kind": "status", "http_status": 503, "probability": 0.4},
               {"kind": "status", "http_status": 502, "act": true, "probability": 0.4}]' ;;
    4) fault='{"kind": "garbage", "probability": 0.4}' ;;
    5) fault='{"kind": "truncate", "probability": 0.4}' ;;
    6) fault='{"kind": "drop_after", "probability": 0.4}' ;;
    7) ill_down ;;
    8 | 9)
      kill -STOP $ill_pid
      ill_stopped=1
      ;;
    *) return ;;
  esac
  ill_troubles=$((ill_troubles + 1))
  [ -z "$fault" ] || ill_fault "$fault"
}
