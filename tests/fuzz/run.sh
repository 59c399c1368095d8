#!/bin/bash
# Fuzzes each target for some time, installing first what the machine lacks:
#   bash tests/fuzz/run.sh [SECONDS]    60 seconds each unless told
# Starts from the corpus; what is found beyond it is kept below the build folder for the next run.
# An input that breaks a property is printed and ends the run: fix it and make it a unit test.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-60}

bash tests/setup.sh
bash tests/setup.sh clang-14 libclang-rt-14-dev

targets=(config replies secrets timestamps)
cmake --preset fuzz > /dev/null
cmake --build --preset fuzz --target "${targets[@]/#/fuzz_}"

build=build/fuzz
for target in "${targets[@]}"; do
  echo "== $target, $seconds s"
  mkdir -p "$build/corpus/$target" "$build/crashes"
  "$build/tests/fuzz/fuzz_$target" -max_total_time="$seconds" -max_len=4096 -timeout=10 \
    -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$build/crashes/$target-" \
    -dict=tests/fuzz/words.dict "$build/corpus/$target" "tests/fuzz/corpus/$target" \
    2>&1 | grep -vE '^#[0-9]+.*(NEW|REDUCE|RELOAD|pulse)' | tail -n 25
done
echo "nothing found"
