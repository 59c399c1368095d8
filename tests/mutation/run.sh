#!/bin/bash
# Keeps the tests honest: breaks one rule of the sources at a time, and the tests must notice.
#   bash tests/mutation/run.sh               all patches
#   bash tests/mutation/run.sh NAME …        these patches only
# Each *.patch names the rule it breaks and, in `Run:` lines, the programs that are to notice; they
# are run in that order until one fails. Prints a table; exits 1 if a broken rule goes unnoticed, 2
# if a patch does not apply, a build fails, or a program fails without any patch.
# Works on a copy of the sources in build/mutation (or $KDQ_MUTATION_DIR); never touches the tree.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
scratch=${KDQ_MUTATION_DIR:-$root/build/mutation}
source=$scratch/source
build=$scratch/build
seconds_a_run=300 # many times what any of the programs needs

patches=()
if [ $# -gt 0 ]; then
  for name in "$@"; do patches+=("$here/${name%.patch}.patch"); done
else
  patches=("$here"/*.patch)
fi

fail() {
  echo "mutation: $1" >&2
  exit 2
}

# Seeds enough to notice every patch here; which ones is the same each time.
sim_arguments() {
  case $1 in
    kill | power | ioerr) echo "--seeds 0..6 --points 60" ;;
    random) echo "--seeds 0..120" ;;
  esac
}

# Runs one `Run:` line: 0 if the program is content.
run() {
  local -a words
  read -ra words <<< "$1"
  case ${words[0]} in
    sim)
      # shellcheck disable=SC2046 # the arguments are words
      timeout -k 5 "$seconds_a_run" "$build/tests/sim/sim" "${words[@]:1}" \
        $(sim_arguments "${words[2]}") ;;
    kdq_poller_tests) timeout -k 5 "$seconds_a_run" "$build/tests/poller/kdq_poller_tests" -aa=1 ;;
    kdq_conformance_tests)
      timeout -k 5 "$seconds_a_run" "$build/tests/conformance/kdq_conformance_tests" -aa=1 ;;
    *) fail "no program is called ${words[0]}" ;;
  esac
}

# The first thing a program complained of.
first_complaint() {
  local code=$1 output=$2 line
  if line=$(grep -m1 -A3 '^TEST CASE:' "$output"); then
    sed -n '1s/^TEST CASE: *//p' <<< "$line"
  elif line=$(grep -m1 -A1 '^FAILED:' "$output"); then
    sed -n '2s/^ *//p' <<< "$line"
  elif [ "$code" = 124 ] || [ "$code" = 137 ]; then
    echo "no end within $seconds_a_run s"
  else
    tail -n1 "$output"
  fi
}

compile() {
  cmake --build "$build" --target "${targets[@]}" > "$scratch/build.log" 2>&1 ||
    { tail -n30 "$scratch/build.log" >&2; fail "$1 does not build"; }
}

header() { sed -n "s/^$1: //p" "$2"; }
files_of() { sed -n 's|^+++ b/||p' "$1"; }

# --- the copy, built without any patch --------------------------------------------------------
# Of an earlier run's copy what differs is written anew, with the time of now: it may have been changed
# before that run, or patched by it, and is to be compiled again.
mkdir -p "$source"
(cd "$root" && find CMakeLists.txt CMakePresets.json store poller daemon systemd tests -type f) | sort > "$scratch/files"
(cd "$source" && find . -type f -printf '%P\n') | sort | comm -13 "$scratch/files" - |
  while read -r file; do rm "$source/$file"; done
while read -r file; do
  cmp -s "$root/$file" "$source/$file" || (cd "$root" && cp --parents -t "$source" "$file")
done < "$scratch/files"

mapfile -t runs < <(for patch in "${patches[@]}"; do header Run "$patch"; done | sort -u)
mapfile -t targets < <(printf '%s\n' "${runs[@]}" | cut -d' ' -f1 | sort -u)
cmake -S "$source" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG=-O1 \
  > "$scratch/build.log" 2>&1 || { tail -n30 "$scratch/build.log" >&2; fail "cmake fails"; }
compile "the unbroken source"
for each in "${runs[@]}"; do
  run "$each" > "$scratch/output" 2>&1 ||
    { tail -n30 "$scratch/output" >&2; fail "'$each' fails without any patch"; }
done

# --- one rule at a time -----------------------------------------------------------------------
row() { printf '%-66s | %-22s | %s\n' "$1" "$2" "$3"; }
row "rule broken" "noticed by" "first failing test or invariant"
survivors=0
for patch in "${patches[@]}"; do
  name=$(basename "$patch" .patch)
  patch -d "$source" -p1 --fuzz=1 -s --dry-run < "$patch" > "$scratch/output" 2>&1 ||
    { cat "$scratch/output" >&2; fail "$name.patch does not apply any more"; }
  rm -rf "$scratch/kept"
  mkdir "$scratch/kept"
  (cd "$source" && for file in $(files_of "$patch"); do cp --parents -t "$scratch/kept" "$file"; done)
  patch -d "$source" -p1 --fuzz=1 -s --no-backup-if-mismatch < "$patch"
  compile "$name"
  noticed="" complaint=""
  while read -r each; do
    code=0
    run "$each" > "$scratch/output" 2>&1 < /dev/null || code=$?
    if [ $code != 0 ]; then
      noticed=$each
      complaint=$(first_complaint $code "$scratch/output")
      break
    fi
  done < <(header Run "$patch")
  if [ -z "$noticed" ]; then
    survivors=$((survivors + 1))
    noticed="NOBODY"
  fi
  row "$(header 'Broken rule' "$patch")" "$noticed" "${complaint:0:120}"
  (cd "$scratch/kept" && find . -type f -exec cp --parents -t "$source" {} + )
  for file in $(files_of "$patch"); do touch "$source/$file"; done
done
echo "$((${#patches[@]} - survivors)) of ${#patches[@]} broken rules were noticed"
[ $survivors = 0 ]
