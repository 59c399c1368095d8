#!/bin/bash
# Builds everything, passes all tests and all checks, installing first what the machine lacks:
#   bash tests/run.sh           built by GCC (dev): all tests, and the one definition rule over the whole
#                               program, and the demonstration. Built by clang with the sanitizers
#                               (asan-ubsan): all tests but the long ones, and 5 s of each fuzz target.
#                               clang-format, clang-tidy.
#   bash tests/run.sh --quick   what GCC builds, and clang-format
#   bash tests/run.sh --full    the long tests under the sanitizers as well, clang's static analyzer,
#                               and the mutation check
# The steps alone: checks.sh.
set -euo pipefail
cd "$(dirname "$0")/.."

mode=${1:-}
case $mode in
  '' | --quick | --full) ;;
  *) echo "usage: bash tests/run.sh [--quick | --full]" >&2; exit 2 ;;
esac
bash tests/checks.sh format

# build PRESET
build() {
  cmake --preset "$1" > /dev/null
  cmake --build --preset "$1"
}
# pass PRESET [CTEST-OPTION...]
pass() {
  echo "== $1: testing"
  ctest --test-dir "build/$1" --output-on-failure --no-tests=error -j "$(($(nproc) + 1))" "${@:2}"
}
# beside NAME COMMAND…: in the background, as most tests wait more than they compute; await ends it.
beside() {
  echo "== $1: beside the tests"
  name=$1
  nice -n 19 bash -c "set -euo pipefail; $(declare -f build); ${*:2}" > "build/$name.log" 2>&1 &
  worker=$!
  trap 'kill "$worker" 2> /dev/null || true' EXIT
}
await() {
  wait "$worker" || { cat "build/$name.log" >&2; exit 1; }
  trap - EXIT
}

echo "== dev: building"
build dev
echo "== the demonstration"
bash tests/demo.sh > build/demo.log || { cat build/demo.log >&2; exit 1; }
if [ "$mode" = --quick ]; then
  pass dev
  exit 0
fi
beside asan-ubsan build asan-ubsan
pass dev
await
if [ "$mode" = --full ]; then
  beside checks bash tests/checks.sh tidy analyze
  pass asan-ubsan
  await
  bash tests/mutation/run.sh
else
  beside checks bash tests/checks.sh tidy
  pass asan-ubsan -LE long
  await
fi
