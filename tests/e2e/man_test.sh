#!/bin/bash
# usage: man_test.sh PROGRAM
# The pages name every command and option of --help, every setting that daemon/config.cpp and
# daemon/notify_config.cpp read, and every public table, view and column of store/schema/; and man
# shows them without a warning.
set -euo pipefail

program=$(realpath "$1")
root=$(realpath "$(dirname "$0")/../..")
pages=$root/systemd/man
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# missing PAGE WHAT
missing() {
  echo "FAILED: $1 has no $2" >&2
  failed=1
}

# --- commands and options --------------------------------------------------------------------------
help=$("$program" --help)
words=$(grep -oE '^  (-[a-z],)?--[a-z-]+|^  [a-z]+ ' <<< "$help")
for command in $(grep -oE '^  [a-z]+ ' <<< "$help"); do
  words+=$'\n'$("$program" "$command" --help | grep -oE '^  (-[a-z],)?--[a-z-]+')
done
words=$(tr ',' '\n' <<< "$words" | tr -d ' ' | sort -u)
[ "$(wc -w <<< "$words")" -ge 10 ] || missing "--help" "commands and options"
for word in $words; do
  grep -qF -- "*$word*" "$pages/kdocs-queued.1.scd" || missing kdocs-queued.1 "$word"
done

# --- settings: what stands before a reader, {"key", …} ----------------------------------------------
settings=$(sed -n '/^void read_retention/,$p' "$root/daemon/config.cpp" "$root/daemon/notify_config.cpp" | grep -oP '\{"\K[a-z_]+(?=",(?! "))' | sort -u)
[ "$(wc -w <<< "$settings")" -ge 20 ] || missing "daemon/config.cpp" "settings that this test can find"
for key in $settings; do
  grep -qE "^\*([a-z_]+\.|<name>\.)*$key[.*]" "$pages/kdocs-queued.json.5.scd" || missing kdocs-queued.json.5 "$key"
done

# --- tables: the public ones stand before the daemon's own in the schema; run_times is told of, too --
cat "$root"/store/schema/{tables,views,own,triggers,schedules}.sql > "$work/schema.sql"
awk -f "$pages/tables.awk" "$work/schema.sql" "$pages/kdocs-queued.7.scd.in" > "$work/kdocs-queued.7.scd"
sqlite3 "$work/queue.db" < "$work/schema.sql"
columns=$(sqlite3 -separator ' ' "$work/queue.db" "
  SELECT o.name, c.name FROM sqlite_schema AS o, pragma_table_info(o.name) AS c
  WHERE o.type IN ('table', 'view') AND (o.name = 'run_times' OR
    o.rowid < (SELECT rowid FROM sqlite_schema WHERE name = 'daemon')) AND o.name NOT LIKE 'sqlite_%'")
[ "$(wc -l <<< "$columns")" -ge 100 ] || missing store/schema "tables that this test can find"
while read -r table column; do
  # A column begins its line in a CREATE, or stands bold where a view is described.
  part=$(awk -v "heading=## $table" '/^#/ { on = $0 == heading } on' "$work/kdocs-queued.7.scd")
  grep -qE "^ +$column |^\*(.*\*, \*)?$column\*" <<< "$part" || missing kdocs-queued.7 "$table.$column"
done <<< "$columns"

# --- what man says to them --------------------------------------------------------------------------
if command -v scdoc > /dev/null && command -v man > /dev/null; then
  cp "$pages"/*.scd "$work"
  for page in "$work"/*.scd; do
    scdoc < "$page" > "${page%.scd}"
    said=$(MANROFFSEQ= man --warnings -E UTF-8 -l "${page%.scd}" 2>&1 > /dev/null) || failed=1
    [ -z "$said" ] || { echo "FAILED: $(basename "$page"): $said" >&2; failed=1; }
  done
fi
[ $failed = 0 ] && echo "the pages are complete"
