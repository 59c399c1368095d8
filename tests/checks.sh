#!/bin/bash
# What compilers and tools can say about the sources, installing first what the machine lacks:
#   bash tests/checks.sh             all of it
#   bash tests/checks.sh STEP…       some of it
#   format    clang-format would change nothing
#   tidy      clang-tidy finds nothing in the product's sources (.clang-tidy); a folder is looked at as
#             one source, as nearly all of the time goes into what the sources include
#   analyze   neither does it in each source alone, nor its static analyzer, which follows paths
#   odr       no name is defined in two ways (GCC, -Wodr with link-time optimisation)
#   clang     clang compiles everything as well, and each fuzz target finds nothing in 5 s
# What has passed tidy or analyze is not looked at again until it, what it includes or .clang-tidy
# changes.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
passed=build/checks # one empty file for each preprocessed text that passed

sources() { find store poller daemon tests -name '*.h' -o -name '*.cpp' | sort; }
products() { find store poller daemon -name '*.cpp' | sort; }

format() {
  sources | xargs clang-format-14 --dry-run --Werror
}

configure_clang() { cmake --preset asan-ubsan > /dev/null; }

# How clang compiles a source, without what it writes.
command_of() {
  grep -B1 -F "\"file\": \"$root/$1\"" build/asan-ubsan/compile_commands.json |
    sed -n 's/^ *"command": "\(.*\) -o .*",$/\1/p' | sed 's/\\"/"/g'
}

# look FILE COMMAND CHECKS: COMMAND is how clang compiles it.
look() {
  local file=$1 command=$2 checks=$3 sum
  sum=$( { eval "$command -w -E $file"; cat .clang-tidy; echo "$checks"; } | sha256sum | cut -d' ' -f1)
  [ ! -e "$passed/$sum" ] || return 0
  eval "clang-tidy-14 --quiet --config-file=.clang-tidy '--checks=$checks' $file -- ${command#* }" \
    2> "$passed/stderr.$BASHPID" || { cat "$passed/stderr.$BASHPID"; return 1; }
  touch "$passed/$sum"
}

look_at_source() {
  local command
  command=$(command_of "$1")
  [ -n "$command" ] || { echo "$1 is compiled by no target" >&2; return 1; }
  look "$1" "$command" ''
}

look_at_folder() {
  local folder=$1 one=$passed/${1//\//_}.cpp first
  first=$(find "$folder" -maxdepth 1 -name '*.cpp' | sort | head -n1)
  find "$folder" -maxdepth 1 -name '*.cpp' ! -name main.cpp -printf '#include "%p"\n' | sort > "$one"
  # -w: what shadows only what another source has is no fault.
  look "$one" "$(command_of "$first") -w" '-clang-analyzer-*,-bugprone-suspicious-include'
}

# side_by_side FUNCTION < ARGUMENTS
side_by_side() {
  configure_clang
  mkdir -p "$passed"
  export root passed
  export -f look look_at_source look_at_folder command_of
  xargs -P "$(nproc)" -I{} bash -c "set -euo pipefail; $1 {}"
}

tidy() { products | xargs -n1 dirname | sort -u | side_by_side look_at_folder; }
analyze() { products | side_by_side look_at_source; }

odr() {
  cmake --preset dev > /dev/null
  cmake --build --preset dev --target kdq_one_definition
}

clang() {
  configure_clang
  cmake --build --preset asan-ubsan
  ctest --test-dir build/asan-ubsan --output-on-failure --no-tests=error -j "$(nproc)" -L fuzz
}

steps=("$@")
[ $# -gt 0 ] || steps=(format tidy analyze odr clang)
bash tests/setup.sh
for step in "${steps[@]}"; do
  case $step in
    format | tidy | analyze | odr | clang) ;;
    *) sed -n 's/^#   bash/usage: bash/p' "$0" >&2; exit 2 ;;
  esac
  echo "== $step"
  "$step"
done
