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

# run PRESET [CTEST-OPTION...]
run() {
  echo "== $1: building"
  cmake --preset "$1" > /dev/null
  cmake --build --preset "$1"
  echo "== $1: testing"
  ctest --test-dir "build/$1" --output-on-failure --no-tests=error -j "$(($(nproc) + 1))" "${@:2}"
}

run dev
[ "$mode" = --quick ] && exit 0
if [ "$mode" = --full ]; then
  run asan-ubsan
  bash tests/mutation/run.sh
else
  run asan-ubsan -LE long
fi
