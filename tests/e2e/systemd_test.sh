#!/bin/bash
# usage: systemd_test.sh PROGRAM
# The unit, sysusers and tmpfiles files are what systemd accepts without a word, the service's
# exposure is low, and the example configuration is valid.
set -euo pipefail

program=$(realpath "$1")
units=$(realpath "$(dirname "$0")/../../systemd")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# --- the example configuration: complete, valid, and what it says is what the program does -------
install -d -m 700 "$work/secrets"
install -m 600 /dev/null "$work/secrets/token"
echo example-token > "$work/secrets/token"
sed "s|/var/lib/kdocs-queued|$work|" "$units/kdocs-queued.json" > "$work/kdocs-queued.json"
"$program" check --config "$work/kdocs-queued.json" > "$work/checked" 2>&1 ||
  fail "the example configuration is refused: $(cat "$work/checked")"
grep -q example-token "$work/checked" && fail "check printed the token"

if ! command -v systemd-analyze > /dev/null; then
  echo "skipped the rest: systemd-analyze is not installed"
  exit 0
fi

# --- verify: exits 0 even for keys that it does not know, so its words count ----------------------
# It wants the program to exist, so a copy of the unit names the one that was built.
sed "s|^ExecStart=[^ ]*|ExecStart=$program|" "$units/kdocs-queued.service" > "$work/kdocs-queued.service"
grep -q "^ExecStart=$program run " "$work/kdocs-queued.service" || fail "the unit has no ExecStart"
said=$(systemd-analyze verify --man=no "$work/kdocs-queued.service" 2>&1) || fail "verify: $said"
[ -z "$said" ] || fail "verify: $said"

# --- exposure at most 1.5 --------------------------------------------------------------------------
systemd-analyze security --offline=true --threshold=15 --no-pager "$units/kdocs-queued.service" \
  > "$work/security" 2>&1 || fail "exposure above 1.5: $(cat "$work/security")"
tail -n 1 "$work/security"

# --- sysusers and tmpfiles, applied to an empty root -----------------------------------------------
mkdir -p "$work/root/etc" "$work/root/var/lib"
if command -v systemd-sysusers > /dev/null && [ "$(id -u)" = 0 ]; then
  said=$(systemd-sysusers --root="$work/root" "$units/kdocs-queued.sysusers" 2>&1) || fail "sysusers: $said"
  grep -q '^kdocs-queued:' "$work/root/etc/passwd" || fail "sysusers made no user"
  grep -q '^kdocs-queued:' "$work/root/etc/group" || fail "sysusers made no group"
  said=$(systemd-tmpfiles --create --root="$work/root" "$units/kdocs-queued.tmpfiles" 2>&1) ||
    fail "tmpfiles: $said"
  mode=$(stat -c %a "$work/root/var/lib/kdocs-queued") || fail "tmpfiles made no folder"
  [ "$mode" = 2770 ] || fail "the folder of the queue has mode $mode"
  mode=$(stat -c %a "$work/root/etc/kdocs-queued/secrets") || fail "tmpfiles made no folder of secrets"
  [ "$mode" = 700 ] || fail "the folder of secrets has mode $mode"
fi
echo "systemd accepts the files"
