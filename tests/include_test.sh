#!/bin/bash
# The direction daemon -> poller -> store, and the edges in one place each, read from the sources.
set -euo pipefail
cd "$(dirname "$0")/.."
failed=0

# only_in WHERE PATTERN FOLDER...: the pattern occurs nowhere else in the folders.
only_in() {
  local where=$1 pattern=$2 found
  shift 2
  found=$(grep -rnP "$pattern" "$@" --include='*.h' --include='*.cpp' | grep -vE "^($where)" || true)
  [ -z "$found" ] || { echo "not allowed here: $found" >&2; failed=1; }
}

only_in 'daemon/(curl_transport|url)\.cpp' '#include <curl/' store poller daemon
only_in 'store/' '#include [<"](SQLiteCpp|sqlite3)' store poller daemon
only_in 'daemon/system_clock\.cpp' '_clock::now' store poller daemon
only_in 'daemon/' '#include [<"](spdlog|CLI|systemd|sys/inotify|sys/signalfd)' store poller daemon
only_in 'nowhere' '#include "(daemon|tests)/' poller
only_in 'nowhere' '#include "tests/' daemon
only_in 'nowhere' '#include <nlohmann/' store

# from FOLDER PATTERN: what the folder includes of ours is this and nothing else.
from() {
  local found
  found=$(grep -rn '#include "' "$1" --include='*.h' --include='*.cpp' | grep -vE "#include \"($2)" || true)
  [ -z "$found" ] || { echo "$1 must not include: $found" >&2; failed=1; }
}

values='store/(base/|job\.h|run_time\.h)' interfaces='poller/[a-z_]+\.h'
from store 'store/'
from store/base 'store/base/'
from poller/api "$values|$interfaces|poller/api/"
from poller/schedule "$values|$interfaces|poller/schedule/"
# What of quota/ is bound to the database still waits to be parted from it.
bound='poller/quota/(circuit_breaker|quota_grant)\.h'
only_in "poller/engine/|$bound" '#include "poller/engine/' poller
only_in "poller/engine/|$bound" '#include "store/(?!base/|job\.h|run_time\.h)' poller

# Of these each case is a test of CTest, which takes a semicolon as the end of a name.
named=$(grep -rnE -A1 'TEST_CASE[A-Z_]*\(' tests/sim --include='*.cpp' | grep -E '"[^"]*;[^"]*"(,| *\))' | grep TEST_CASE || true)
[ -z "$named" ] || { echo "a semicolon in a test's name: $named" >&2; failed=1; }

lines=$(wc -l < daemon/main.cpp)
[ "$lines" -lt 30 ] || { echo "daemon/main.cpp has $lines lines" >&2; failed=1; }
exit $failed
