#!/bin/bash
# Fuzzes each target for some time, installing first what the machine lacks:
#   bash tests/fuzz/run.sh [SECONDS]    60 seconds each unless told
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-60}

bash tests/setup.sh
targets=(config cron replies secrets timestamps web)
cmake --preset asan-ubsan > /dev/null
cmake --build --preset asan-ubsan --target "${targets[@]/#/fuzz_}"
for target in "${targets[@]}"; do
  echo "== $target, $seconds s"
  bash tests/fuzz/one.sh "build/asan-ubsan/tests/fuzz/fuzz_$target" build/asan-ubsan "$seconds"
done
echo "nothing found"
