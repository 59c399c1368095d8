#!/bin/bash
# Builds the simulator and plays two days of recorded work with the product's schedule, gate and
# ledger, beside fixed intervals, backoff and the optimum:
#   bash tests/bench/polling/run.sh             the 15 traces of traces/; a minute or two
#   bash tests/bench/polling/run.sh --seed 7    15 others, made by traces/gen.py
# --build FOLDER comes on top; what else there is goes to the program (--only W04, --no-rivals,
# --no-admission). Prints tables and writes build/polling.json. Two runs give the same numbers.
set -euo pipefail
cd "$(dirname "$0")/../../.."

build=build/release seed= options=()
while [ $# -gt 0 ]; do
  case $1 in
    --seed) seed=$2; shift ;;
    --build) build=$2; shift ;;
    --help) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0"; exit ;;
    *) options+=("$1") ;;
  esac
  shift
done

cmake --preset release -B "$build" -DKDQ_BENCH=ON > /dev/null
cmake --build "$build" --target polling > /dev/null

traces=tests/bench/polling/traces
if [ -n "$seed" ]; then
  made=$(mktemp -d)
  trap 'rm -rf "$made"' EXIT
  generator=$(realpath "$traces/gen.py")
  (cd "$made" && python3 "$generator" "seed$seed" --seed "$seed")
  traces=$made/traces/seed$seed
fi
mkdir -p build
"$build/tests/bench/polling/polling" "$traces" --json build/polling.json "${options[@]}"
