#!/bin/bash
# Builds everything and passes all tests, installing first what the machine lacks:
#   bash tests/run.sh            the whole suite, then once more under the sanitizers
#   bash tests/run.sh --quick    without the sanitizers
set -euo pipefail
cd "$(dirname "$0")/.."

bash tests/setup.sh
presets=(dev asan-ubsan)
[ "${1:-}" = --quick ] && presets=(dev)

for preset in "${presets[@]}"; do
  cmake --preset "$preset" > /dev/null
  cmake --build --preset "$preset"
done
for preset in "${presets[@]}"; do
  echo "== tests, $preset"
  ctest --test-dir "build/$preset" --output-on-failure --no-tests=error -j "$(nproc)"
done
