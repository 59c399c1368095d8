#!/bin/bash
# Builds release and benchmarks, runs all of them, prints tables, writes build/bench.json:
#   bash tests/bench/run.sh                  5 rounds; about half an hour
#   bash tests/bench/run.sh --rounds 1       fewer rounds
#   bash tests/bench/run.sh --quick          one round of everything in a small size: minutes
#   bash tests/bench/run.sh --full           with 1,000,000 queued, 1,000,000 ended, 10,000,000 log rows
#   bash tests/bench/run.sh --only drain     drain (and store), polls, wakeup, idle, scale, courtesy,
#                                            holds or bursts
#   bash tests/bench/run.sh --sizes          drain also with scripts of 4 and 16 KB
# --build FOLDER, --folder FOLDER (where the databases are; a local disk) and --daemon PROGRAM (measure
# that one instead of the build's) come on top. What is compared runs in turns (limit, daemon, limit,
# daemon, …); the tables show medians. Read ratios: the absolute numbers are this machine's, with all
# that runs beside. What the programs measure: tests/bench/README.md.
set -euo pipefail
cd "$(dirname "$0")/../.."

rounds=5 size=normal only= sizes= build=build/release folder=/tmp daemon=
while [ $# -gt 0 ]; do
  case $1 in
    --rounds) rounds=$2; shift ;;
    --quick) size=quick rounds=1 ;;
    --full) size=full ;;
    --only) only=$2; shift ;;
    --sizes) sizes=yes ;;
    --daemon) daemon=$(realpath "$2"); shift ;;
    --build) build=$2; shift ;;
    --folder) folder=$2; shift ;;
    *) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2 ;;
  esac
  shift
done

# What users have; $mixture is to become several words.
mixtures=() long_mixtures=()
for texts in same different; do
  for files in one many; do
    mixtures+=("--texts $texts --files $files")
  done
done
for bytes in 4096 16384; do
  for files in one many; do
    long_mixtures+=("--texts different --files $files --script-bytes $bytes")
  done
done

# What one run of each has to do.
jobs=10000 inserts=300 polls=50000 ended=200 load=500 seconds=60 waves=12 shell_inserts=5000 shell_drain=2000 drain_jobs=300000
hold_singles=200 hold_steady=800 hold_drain=100000 hold_bursts=50000
queued=100000 ended_before=100000
case $size in
  quick) jobs=5000 inserts=100 polls=20000 ended=60 seconds=5 waves=4 shell_inserts=300 shell_drain=300 drain_jobs=60000
         hold_singles=40 hold_steady=160 hold_drain=20000 hold_bursts=15000
         queued=20000 ended_before=20000 ;;
  full) queued=1000000 ended_before=1000000 ;;
esac

cmake --preset release -B "$build" -DKDQ_BENCH=ON > /dev/null
programs=(fast_kdocs limit limit_wakeup bench_report drain poll_cost first_poll wakeup idle scale
  courtesy holds bursts store_verbs)
[ "$daemon" ] || programs+=(kdocs-queued)
cmake --build "$build" --target "${programs[@]}"
bin=$build/tests/bench
daemon=${daemon:-$(realpath "$build/daemon/kdocs-queued")}
lines=$build/bench-lines.json
: > "$lines"

# measure PROGRAM [OPTION...]: one line into the results; a failure is told and costs that run only.
failed=0
measure() {
  echo "  $*" >&2
  "$bin/$1" "${@:2}" --folder "$folder" >> "$lines" || failed=1
}
# of PROGRAM [OPTION...]: of the daemon.
of() { measure "$1" --daemon "$daemon" "${@:2}"; }
# wanted NAME
wanted() { [ -z "$only" ] || [ "$only" = "$1" ]; }

for round in $(seq "$rounds"); do
  echo "round $round of $rounds" >&2
  if wanted drain; then
    for mixture in "${mixtures[@]}"; do
      measure limit --jobs "$jobs" $mixture
      of drain --jobs "$jobs" $mixture
    done
    if [ "$sizes" ]; then
      for mixture in "${long_mixtures[@]}"; do
        measure limit --jobs "$jobs" $mixture
        of drain --jobs "$jobs" $mixture
      done
    fi
    measure store_verbs --jobs "$jobs"
  fi
  if wanted polls; then
    measure limit --jobs "$jobs" # what a poll is compared with: a POST and a GET
    of poll_cost --polls "$polls"
    of poll_cost --polls 1000 --requests-per-second 100
    of first_poll --jobs "$ended"
    of first_poll --jobs "$ended" --texts different
    of first_poll --jobs "$ended" --run-time-ms 2000
  fi
  if wanted wakeup; then
    of wakeup --reference --inserts "$inserts"
    of wakeup --inserts "$inserts"
    of wakeup --inserts "$inserts" --load "$load"
  fi
  if wanted scale; then
    # The large ones take minutes to fill: in full size once.
    for mixture in "${mixtures[@]}"; do
      of scale small --waves "$waves" $mixture
      if [ "$size" != full ] || [ "$round" = 1 ]; then
        of scale large --waves "$waves" --queued "$queued" --ended 0 --lines 0 $mixture
      fi
    done
    if [ "$size" != full ] || [ "$round" = 1 ]; then
      of scale large --waves "$waves" --queued "$queued" --ended "$ended_before" \
        --lines $((10 * ended_before))
    fi
    of scale future --waves "$waves"
    of scale start
    of scale scripts
  fi
  if wanted bursts; then
    of bursts
    of bursts --max-running 10000
  fi
  # These need no medians: they count over a long time, or over many processes.
  [ "$round" = 1 ] || continue
  if wanted idle; then
    of idle --seconds "$seconds"
    of idle --seconds "$seconds" --running 10000
  fi
  if wanted courtesy; then
    of courtesy --inserts "$shell_inserts"
    of courtesy --inserts "$shell_drain" --load drain --drain-jobs "$drain_jobs"
    of courtesy --inserts "$shell_drain" --timeout
    of courtesy --inserts "$shell_drain" --timeout --load drain --drain-jobs "$drain_jobs"
  fi
  if wanted holds; then
    of holds --load idle --jobs "$hold_singles"
    of holds --load steady --jobs "$hold_steady"
    of holds --load drain --jobs "$hold_drain"
    of holds --load burst --jobs "$hold_bursts"
  fi
done

mkdir -p build
"$bin/bench_report" "$lines" --json build/bench.json
echo "all runs and medians: build/bench.json" >&2
exit $failed
