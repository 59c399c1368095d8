#!/bin/bash
# usage: many_jobs_test.sh BUILD-FOLDER
# 500 jobs on 20 files with random run times: each ran once, its lines are there once and in order,
# never two at a time on one file.
source "$(dirname "$0")/lib.sh"

start_sandbox
cat > "$work/config.json" <<JSON
{"apps": {"default": {"requests_per_second": 0, "quota": {"submit": 1000, "status": 20000}}}}
JSON
start_daemon --config "$work/config.json"
sql "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
     INSERT INTO jobs(file_token, script_name, script)
     SELECT 'file' || (i % 20), 'job' || i,
            'console.log(\"one ' || i || '\"); Time.sleep(' || abs(random() % 150) || ');' ||
            'console.log(\"two ' || i || '\"); Time.sleep(' || abs(random() % 150) || '); ' || i
     FROM n"
wait_for 240 "500 jobs" all_ended

expect "states" "succeeded|500" "$(sql "SELECT state, count(*) FROM jobs GROUP BY state")"
expect "results" 500 "$(sql "SELECT count(*) FROM jobs WHERE result = CAST(id AS TEXT)")"
expect "jobs with the four lines, once and in order" 500 "$(sql "
  SELECT count(*) FROM jobs WHERE
    (SELECT group_concat(message, ',') FROM (SELECT message FROM logs WHERE job_id = jobs.id ORDER BY seq))
    = '已开始执行,one ' || id || ',two ' || id || ',执行完毕'")"
expect "all lines" 2000 "$(sql "SELECT count(*) FROM logs")"

expect "scripts that the service ran" 500 "$(service "SELECT json_extract(j, '\$.tasks.started') FROM ledger")"
expect "most scripts at a time on one file" 1 \
  "$(service "SELECT max(f.value) FROM ledger, json_each(j, '\$.max_running_per_file') f")"
expect "lines handed out" 2000 "$(service "SELECT json_extract(j, '\$.lines.handed_out') FROM ledger")"
expect "status requests: the service's count" "$(served status)" \
  "$(sql "SELECT sum(used) FROM quota WHERE endpoint = 'status'")"
stop_daemon
echo "ok"
