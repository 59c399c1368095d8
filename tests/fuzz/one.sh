#!/bin/bash
# one.sh PROGRAM BUILD SECONDS: fuzzes with one of the programs. Starts from the corpus; what is found
# beyond it is kept below the build folder for the next time. An input that breaks a property is
# printed and ends it: mend that and make the input a unit test.
set -euo pipefail
program=$1 found=$2/fuzz seconds=$3
here=$(cd "$(dirname "$0")" && pwd)
name=$(basename "$program")
name=${name#fuzz_}

mkdir -p "$found/corpus/$name" "$found/crashes"
"$program" -max_total_time="$seconds" -max_len=4096 -timeout=10 -rss_limit_mb=2048 \
  -print_final_stats=1 -artifact_prefix="$found/crashes/$name-" -dict="$here/words.dict" \
  "$found/corpus/$name" "$here/corpus/$name" 2>&1 |
  grep -vE '^#[0-9]+.*(NEW|REDUCE|RELOAD|pulse)' | tail -n 25
