#!/bin/bash
# usage: import_test.sh PROGRAM
# The script import-jobs, with the sqlite3 shell and the tables of the program: what comes from a CSV
# file, and from one with a JSON object a line, is enqueued as it stands there; of a file with mistakes
# nothing is, and their lines are named.
set -euo pipefail

program=$(realpath "$1")
import=$(realpath "$(dirname "$0")/../../systemd/examples/import-jobs")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
db="$work/my queue.db"
"$program" init --database "$db" > /dev/null

fail() {
  echo "FAILED: $*" >&2
  exit 1
}
# expect WHAT WANTED GOT
expect() { [ "$2" = "$3" ] || fail "$1: expected '$2', got '$3'"; }
sql() { sqlite3 "$db" "$@"; }

# imports NAME: takes the file from standard input.
imports() {
  cat > "$work/$1"
  sql "DELETE FROM jobs WHERE state = 'queued'"
  "$import" "$db" "$work/$1"
}
# refuses NAME WORDS...: takes the file from standard input, and then as refuses_file.
refuses() {
  cat > "$work/$1"
  refuses_file "$@"
}
# refuses_file NAME WORDS...: nothing is enqueued, and each of the words is said, not by another program.
refuses_file() {
  local name=$1 said=$work/said status=0
  shift
  sql "DELETE FROM jobs WHERE state = 'queued'"
  "$import" "$db" "$work/$name" > "$said" 2>&1 || status=$?
  expect "exit code for $name, of which was said: $(cat "$said")" 1 $status
  ! grep -v '^import-jobs: ' "$said" || fail "of $name another program said that"
  expect "rows of a file with mistakes" 0 "$(sql "SELECT count(*) FROM jobs")"
  for words in "$@" "nothing is enqueued"; do
    grep -qF -- "$words" "$said" || fail "'$words' is not in: $(cat "$said")"
  done
}

# --- CSV ---------------------------------------------------------------------------------------------
said=$(printf '%s\r\n' 'file_token,script,priority,run_at,script_name,argv' \
  '007,"say(""a"")' 'b,	c",5,2026-01-31T09:00:00+08:00,,"{""n"": 1}"' \
  'f,你好,,2026-01-31 09:00:00,n,' | imports "some jobs.csv")
expect "what is said of a CSV file" "2 jobs are queued" "$said"
expect "rows of a CSV file" \
  "007|say(\"a\")"$'\r\n'"b,	c|5|2026-01-31 01:00:00.000|-|{\"n\": 1}|text
f|你好|0|2026-01-31 09:00:00.000|n|-|text" \
  "$(sql "SELECT file_token, script, priority, run_at, coalesce(script_name, '-'), coalesce(argv, '-'), typeof(file_token)
     FROM jobs ORDER BY id")"
expect "the queue" "2|2" "$(sql "SELECT (SELECT count(*) FROM queue), jobs FROM job_counts WHERE state = 'queued'")"

# --- JSON lines --------------------------------------------------------------------------------------
said=$(printf '\xef\xbb\xbf%s\r\n\n%s\n%s' '{"file_token": "f", "script": "say(\"a\\tb\")\n你", "argv": {"n": [1, "2"]}, "run_at": "2026-01-31T09:00:00.5Z"}' \
  '{"file_token":"g","script":"x, y | '"'"'z'"'"'","priority":-2,"class":"","expires_at":"2026-01-31T23:30-01:00"}' \
  '{"file_token":"h","script":"x","run_at":null,"unique_key":"k"}' | imports jobs.jsonl)
expect "what is said of JSON lines" "3 jobs are queued" "$said"
expect "rows of JSON lines" \
  $'f|say("a\\tb")\n你|0|{"n":[1,"2"]}|2026-01-31 09:00:00.500|-|-
g|x, y | \'z\'|-2|-|-|2026-02-01 00:30:00.000|-
h|x|0|-|-|-|k' \
  "$(sql "SELECT file_token, script, priority, coalesce(argv, '-'), coalesce(run_at, '-'), coalesce(expires_at, '-'),
     coalesce(unique_key, '-') FROM jobs ORDER BY id")"

# --- mistakes ----------------------------------------------------------------------------------------
refuses a.csv "line 3: it has 1 instead of 2 columns" "line 4: it has 3 instead of 2 columns" <<'CSV'
file_token,script
f,x
f
f,x,y
CSV
refuses b.csv "line 4: cannot store TEXT value" "line 6: file_token must be the file's open_id" <<'CSV'
file_token,script,priority
f,"a
b",1
f,x,much
f,x,2
/l/x,x,2
CSV
refuses c.csv "line 2: run_at is no time" "line 3: run_at is no time" <<'CSV'
file_token,script,run_at
f,x,tomorrow
f,x,2026-02-30 09:00:00
CSV
printf 'file_token\nf,x\n' | refuses one.csv "line 2: it has 2 instead of 1 columns"
refuses header.csv 'line 1: "colour" is no column' <<'CSV'
file_token,script,colour
f,x,red
CSV
refuses d.jsonl "line 2: it is no JSON object" "line 3: it is no JSON object" "line 4: script stands twice" \
  "line 5: run_at is no time" <<'JSON'
{"file_token": "f", "script": "x"}
{"file_token": "f", "script":
["f", "x"]
{"file_token": "f", "script": "x", "script": "y"}
{"file_token": "f", "script": "x", "run_at": 2460000.5}
JSON
refuses e.jsonl "line 1: script must be given as text" "line 4: UNIQUE constraint failed" "line 5: argv must be a JSON object" <<'JSON'
{"file_token": "f", "script": 5}

{"file_token": "f", "script": "x", "unique_key": "k"}
{"file_token": "f", "script": "x", "unique_key": "k"}
{"file_token": "f", "script": "x", "argv": [1]}
JSON
printf '{"file_token": "f", "script": "a\x1fb"}\n' | refuses f.jsonl "line 1: it has a control character"
{
  for i in $(seq 1 250); do echo '{"file_token": "f", "script": "x"}'; done
  echo '{"file_token": "", "script": "x"}'
} | refuses g.jsonl "line 251: file_token must be given as text"

# --- no file, or no text -----------------------------------------------------------------------------
mkdir "$work/folder.csv" "$work/folder.jsonl"
for kind in csv jsonl; do
  refuses_file "no file.$kind" "$work/no file.$kind cannot be read: No such file or directory"
  refuses_file "folder.$kind" "$work/folder.$kind cannot be read: Is a directory"
  expect "lines said of a folder" 2 "$(wc -l < "$work/said")"
  echo '{}' > "$work/secret.$kind"
  chmod 0 "$work/secret.$kind"
  [ -r "$work/secret.$kind" ] || refuses_file "secret.$kind" "$work/secret.$kind cannot be read: Permission denied"
done
refuses empty.csv "$work/empty.csv is empty" < /dev/null
# The shell of SQLite takes a text to its first NUL, and the daemon cannot send what is no UTF-8.
no_text="it is not UTF-8, or has a NUL character"
printf 'file_token,script\nf,x\nf,"a\nb\0c"\nf,x\n' | refuses nul.csv "line 4: $no_text"
expect "lines said of a NUL" 2 "$(wc -l < "$work/said")"
printf 'file_token,script\nf,x\0' | refuses last_nul.csv "line 2: $no_text"
printf '%b\n' '{"file_token": "f", "script": "x"}' '{"file_token": "f", "script": "x"}\0000 and more' |
  refuses nul.jsonl "line 2: $no_text"
printf 'file_token,script\nf,x\nf,\xc4\xe3\xba\xc3\n' | refuses gbk.csv "line 3: $no_text"
printf '{"file_token": "f", "script": "\xc4\xe3"}' | refuses gbk.jsonl "line 1: $no_text"
printf 'file_token,script\nf,x\n' | iconv -t UTF-16 | refuses utf16.csv "line 1: $no_text"

# --- what might be overlooked ------------------------------------------------------------------------
# A header that is all of the file: with line ends of which nobody knows, say.
printf 'file_token,script\rf,x\r' | refuses cr.csv 'line 1: "script\rf" is no column'
printf '\xef\xbb\xbffile_token,script\nf,x\nf,last' | imports bom.csv > /dev/null
expect "rows behind a byte order mark, the last without a line end" "x last" "$(sql "SELECT group_concat(script, ' ') FROM jobs")"
mkfifo "$work/pipe.jsonl"
printf '{"file_token": "f", "script": "x"}\n%.0s' 1 2 3 > "$work/pipe.jsonl" &
sql "DELETE FROM jobs WHERE state = 'queued'"
expect "what is said of a pipe" "3 jobs are queued" "$("$import" "$db" "$work/pipe.jsonl")"
# A disk that is full, early or late: all of them or none, and nothing said of jobs that are not there.
printf '{"file_token": "f", "script": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}\n%.0s' $(seq 1 700) > "$work/many.jsonl"
{
  echo file_token,script
  printf 'f,xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n%.0s' $(seq 1 700)
} > "$work/many.csv"
for file in many.csv many.jsonl; do
  for blocks in 8 24 44 56 80 120 160 unlimited; do
    sql "DELETE FROM jobs WHERE state = 'queued'; PRAGMA wal_checkpoint(TRUNCATE)" > /dev/null
    said=$({ trap '' XFSZ; ulimit -f $blocks; "$import" "$db" "$work/$file" 2>&1 || echo "and it failed"; } | cat)
    case "$(sql "SELECT count(*) FROM jobs") $said" in
      "700 700 jobs are queued" | "0 "*"and it failed") ;;
      *) fail "with $blocks blocks for each of its files $file was: $said" ;;
    esac
    case $said in *"are queued"*"it failed") fail "with $blocks blocks it said: $said" ;; esac
  done
  expect "what is said with as many blocks as it wants" "700 jobs are queued" "$said"
done
echo "ok"
