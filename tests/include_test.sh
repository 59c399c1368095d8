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
only_in 'daemon/(redirect_listener\.cpp|web/)' '#include <httplib' store poller daemon
only_in 'store/' '#include [<"](SQLiteCpp|sqlite3)' store poller daemon
only_in 'daemon/system_clock\.cpp' '_clock::now' store poller daemon
only_in 'daemon/' '#include [<"](spdlog|CLI|systemd|sys/inotify|sys/signalfd)' store poller daemon
only_in 'nowhere' '#include "(daemon|tests)/' poller
only_in 'nowhere' '#include "tests/' daemon
only_in 'daemon/web/' '#include "daemon/web/' store poller daemon # the daemon does not know its page
only_in 'nowhere' '#include <nlohmann/' store

# from FOLDER PATTERN: what the folder includes of ours is this and nothing else.
from() {
  local found
  found=$(grep -rn '#include "' "$1" --include='*.h' --include='*.cpp' | grep -vE "#include \"($2)" || true)
  [ -z "$found" ] || { echo "$1 must not include: $found" >&2; failed=1; }
}

values='store/(base/|(app_pause|job|quota_key|run_time|wait)\.h)' interfaces='poller/[a-z_]+\.h'
from store 'store/'
from store/base 'store/base/'
from poller/api "$values|$interfaces|poller/api/"
from poller/schedule "$values|$interfaces|poller/schedule/"
from poller/cron "$values|poller/cron/|poller/api/(ascii|number_in)\.h"
from poller/quota "$values|$interfaces|poller/quota/|poller/api/kdocs_api\.h|poller/cron/time_zone\.h"

# What a header of the engine includes of ours, all in all: more than this, and it knows too much.
most_included=15
# closure FILE: the file and all that it includes.
closure() {
  local found=$1 more
  while true; do
    more=$(printf '%s\n' $found $(cat $found | sed -n 's/^#include "\(.*\)"$/\1/p') | sort -u)
    [ "$more" != "$found" ] || break
    found=$more
  done
  printf '%s\n' $found
}
while read -r header; do
  included=$(($(closure "$header" | wc -l) - 1))
  [ "$included" -le $most_included ] || { echo "$header includes $included headers" >&2; failed=1; }
done < <(find poller/engine -name '*.h')

# Of these each case is a test of CTest, which takes a semicolon as the end of a name.
named=$(grep -rnE -A1 'TEST_CASE[A-Z_]*\(' tests/sim --include='*.cpp' | grep -E '"[^"]*;[^"]*"(,| *\))' | grep TEST_CASE || true)
[ -z "$named" ] || { echo "a semicolon in a test's name: $named" >&2; failed=1; }

lines=$(wc -l < daemon/main.cpp)
[ "$lines" -lt 30 ] || { echo "daemon/main.cpp has $lines lines" >&2; failed=1; }
exit $failed
