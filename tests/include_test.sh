#!/bin/bash
# The direction daemon -> poller -> store, and the edges in one place each, read from the sources.
set -euo pipefail
cd "$(dirname "$0")/.."
failed=0

# only_in WHERE PATTERN FOLDER...: the pattern occurs nowhere else in the folders.
only_in() {
  local where=$1 pattern=$2 found
  shift 2
  found=$(grep -rnE "$pattern" "$@" --include='*.h' --include='*.cpp' | grep -vE "^($where)" || true)
  [ -z "$found" ] || { echo "not allowed here: $found" >&2; failed=1; }
}

only_in 'daemon/curl_transport\.cpp' '#include <curl/' store poller daemon
only_in 'store/' '#include [<"](SQLiteCpp|sqlite3)' store poller daemon
only_in 'daemon/system_clock\.cpp' '_clock::now' store poller daemon
only_in 'daemon/' '#include [<"](spdlog|CLI|systemd|sys/inotify|sys/signalfd)' store poller daemon
only_in 'nowhere' '#include "(poller|daemon|tests)/' store
only_in 'nowhere' '#include "(daemon|tests)/' poller
only_in 'nowhere' '#include "tests/' daemon
only_in 'nowhere' '#include <nlohmann/' store

# CTest takes a semicolon as the end of a test's name: such a case would be run by no name at all.
named=$(grep -rnE -A1 'TEST_CASE[A-Z_]*\(' tests --include='*.cpp' | grep -E '"[^"]*;[^"]*"(,| *\))' | grep TEST_CASE || true)
[ -z "$named" ] || { echo "a semicolon in a test's name: $named" >&2; failed=1; }

lines=$(wc -l < daemon/main.cpp)
[ "$lines" -lt 30 ] || { echo "daemon/main.cpp has $lines lines" >&2; failed=1; }
exit $failed
