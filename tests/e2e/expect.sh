# What a test says of what it finds, and how it waits for it. To be sourced.

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# expect WHAT WANTED GOT
expect() { [ "$2" = "$3" ] || fail "$1: expected '$2', got '$3'"; }

# contains WHAT PART TEXT
contains() { [[ "$3" == *"$2"* ]] || fail "$1: '$2' is not in '$3'"; }

# wait_for SECONDS WHAT COMMAND...: until the command succeeds; the bound is generous, not a claim.
wait_for() {
  local tries=$(($1 * 20)) what=$2
  shift 2
  while ! "$@" > /dev/null 2>&1; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || fail "waited too long for: $what"
    sleep 0.05
  done
}
