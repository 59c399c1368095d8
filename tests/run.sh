#!/bin/bash
# Builds everything and passes all tests, installing first what the machine lacks:
#   bash tests/run.sh           the whole suite, then its short tests once more under the sanitizers
#   bash tests/run.sh --quick   without the sanitizers
#   bash tests/run.sh --full    the long tests under the sanitizers as well, then the mutation check
set -euo pipefail
cd "$(dirname "$0")/.."

mode=${1:-}
case $mode in
  '' | --quick | --full) ;;
  *) echo "usage: bash tests/run.sh [--quick | --full]" >&2; exit 2 ;;
esac
bash tests/setup.sh

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

echo "== dev: building"
build dev
if [ "$mode" = --quick ]; then
  pass dev
  exit 0
fi
# Most tests wait more than they compute: the second build uses what they leave.
echo "== asan-ubsan: building beside the tests"
mkdir -p build
nice -n 19 bash -c "$(declare -f build); build asan-ubsan" > build/asan-ubsan.log 2>&1 &
second=$!
trap 'kill "$second" 2> /dev/null || true' EXIT
pass dev
wait "$second" || { cat build/asan-ubsan.log >&2; exit 1; }
trap - EXIT
if [ "$mode" = --full ]; then
  pass asan-ubsan
  bash tests/mutation/run.sh
else
  pass asan-ubsan -LE long
fi
