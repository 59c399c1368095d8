#!/bin/bash
# usage: completion_test.sh PROGRAM
# What bash completes is what --help lists: commands, options and the kinds of their values.
set -euo pipefail

program=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
source "$(dirname "$0")/../../systemd/kdocs-queued.bash-completion"
cd "$work" # with a file to complete
touch the-file

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# complete_line WORD...: what the last word is completed to, sorted, in one line.
complete_line() {
  COMP_WORDS=(kdocs-queued "$@")
  COMP_CWORD=$#
  COMPREPLY=()
  _kdocs_queued
  [ ${#COMPREPLY[@]} = 0 ] || printf '%s\n' "${COMPREPLY[@]}" | sort | paste -sd' '
}

# section HELP NAME: its lines; options HELP: the long names of the options.
section() { printf '%s\n' "$1" | awk -v "name=$2:" '$0 == name { on = 1; next } /^[^ ]/ { on = 0 } on'; }
options() { section "$1" Options | grep -oE '^  (-[a-z],)?--[a-z-]+' | sed 's/.*--/--/' || true; }

# expect WHAT WANTED GOT
expect() { [ "$2" = "$3" ] || fail "$1: --help lists '$2', completed is '$3'"; }

help=$("$program" --help)
commands=$(section "$help" Subcommands | grep -oE '^  [a-z]+')
[ "$(wc -w <<< "$commands")" -ge 3 ] || fail "no commands in --help: $help"
expect "commands" "$(printf '%s\n' $commands | sort | paste -sd' ')" "$(complete_line '')"
expect "options" "$(options "$help" | sort | paste -sd' ')" "$(complete_line -)"

for command in $commands; do
  own=$("$program" "$command" --help)
  wanted=$({ options "$help"; options "$own"; } | sort -u | paste -sd' ')
  expect "options of $command" "$wanted" "$(complete_line "$command" -)"
  files=$(section "$own" Positionals | grep -v '^  ID ' || true)
  expect "a word after $command" "$([ -z "$files" ] || echo the-file)" \
    "$(complete_line "$command" '')"

  # What an option takes is its second word in the help: FILE, or {the,words}, or what nobody can guess.
  for option in $wanted; do
    kind=$({ section "$help" Options; section "$own" Options; } | sed -nE "s/^  (-[a-z],)?$option ([^ ]+)( .*)?$/\2/p" | head -n 1)
    case $kind in
      FILE) values=the-file ;;
      *'{'*) values=$(tr -d '}' <<< "${kind#*\{}" | tr ',' '\n' | sort | paste -sd' ') ;;
      '' | [!A-Z]*) continue ;; # it takes nothing: the next word is one of its own
      *) values= ;;
    esac
    expect "values of $option" "$values" "$(complete_line "$command" "$option" '')"
    expect "values of $option=" "$values" "$(complete_line "$command" "$option" = '')"
    expect "a command behind $option" "$(complete_line "$command" -)" "$(complete_line "$option" value "$command" -)"
  done
done
echo "bash completes what --help lists"
