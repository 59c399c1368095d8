# Made-up work that fills every page, for a running sandbox and daemon. To be sourced by what has
# work_db (the queue's file) and work_url (the sandbox), and waits by wait_for of e2e/expect.sh.

work_sql() { sqlite3 -cmd '.timeout 20000' "$work_db" "$@"; }
work_fault() { curl -sS --fail -X POST "$work_url/admin/faults" --data "$1" > /dev/null; }
work_is() { [ "$(work_sql "SELECT $1")" = "$2" ]; }

# One whose start got no answer, and one of whose log a piece is missing.
make_doubtful_work() {
  local id
  work_fault '{"kind": "drop_after", "endpoint": "submit", "count": 1}'
  id=$(work_sql "INSERT INTO jobs(file_token, script, script_name)
    VALUES('f-invoices', 'console.log(\"sent\"); 1', 'send-invoices') RETURNING id")
  wait_for 60 "an unconfirmed job" work_is "state FROM jobs WHERE id = $id" unconfirmed
  work_fault '{"kind": "truncate", "endpoint": "status", "count": 1}'
  id=$(work_sql "INSERT INTO jobs(file_token, script, script_name)
    VALUES('f-stock', 'for (var i = 1; i <= 40; i++) console.log(\"item\", i); ({items: 40})', 'count-stock') RETURNING id")
  wait_for 60 "a gap" work_is "count(*) > 0 FROM logs WHERE job_id = $id AND level = 'gap'" 1
}

make_work() {
  make_doubtful_work
  work_sql <<'SQL'
BEGIN;
-- A day's worth that ends by itself.
INSERT INTO jobs(file_token, script, script_name, class)
  WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40)
  SELECT 'f-shop-' || (i % 8), 'console.log("order", ' || i || '); console.warn("slow sheet"); ({order: ' || i || '})',
    CASE i % 3 WHEN 0 THEN 'orders' WHEN 1 THEN '库存同步' ELSE 'prices' END, iif(i % 2, 'bulk', NULL) FROM n;
INSERT INTO jobs(file_token, script, script_name) VALUES
  ('f-report', 'nosuchfunction()', 'broken'),
  ('f-report', 'throw new Error("row 17: the price is no number")', 'prices'),
  ('f-report', 'console.error("row 3 is empty"); throw new Error("row 3 is empty")', 'prices');
INSERT INTO jobs(file_token, script, script_name, max_attempts)
  VALUES('f-retry', 'throw new Error("busy, try again")', 'flaky', 5);
INSERT INTO jobs(file_token, script, script_name, timeout_s) VALUES('f-slow', 'Time.sleep(60000)', 'too-slow', 2);
-- What runs on: a line and its progress each second.
INSERT INTO jobs(file_token, script, script_name, unique_key) VALUES('f-import',
  'for (var i = 1; i <= 3000; i++) { console.log("row", i); console.log("##progress", Math.floor(i / 30), "rows"); Time.sleep(1000) }',
  'import', 'the import');
INSERT INTO jobs(file_token, script, script_name, argv) VALUES('f-sync', 'Time.sleep(3000000)', 'sync', '{"year": 2026}');
INSERT INTO watches(job_id, until) SELECT id, datetime('now', '+1 day') FROM jobs WHERE script_name IN ('import', 'sync');
-- What waits: for a file, a time, a pause, a job, a batch.
INSERT INTO jobs(file_token, script, script_name, priority) VALUES('f-import', '1', 'after the import', 1);
INSERT INTO jobs(file_token, script, script_name, run_at) VALUES('f-night', '1', 'nightly', datetime('now', '+8 hours'));
INSERT INTO pauses(scope, key, reason) VALUES('file', 'f-paused', 'the sheet is being rebuilt until noon');
INSERT INTO jobs(file_token, script, script_name) VALUES('f-paused', '1', 'rebuild');
INSERT INTO jobs(file_token, script, script_name, depends_on, pass_as)
  SELECT 'f-next', '1', 'after broken', id, 'inputs' FROM jobs WHERE script_name = 'broken';
INSERT INTO batches(name) VALUES('month end'), ('old report');
INSERT INTO jobs(file_token, script, script_name, batch_id)
  WITH n(i, s) AS (VALUES(1, '1'), (2, 'throw new Error("no such sheet")'), (3, 'Time.sleep(3000000)'), (4, '4'))
  SELECT 'f-month-' || i, s, 'month-' || i, 1 FROM n;
INSERT INTO jobs(file_token, script, script_name, batch_id) VALUES('f-old', '({sum: 5})', 'sum', 2);
INSERT INTO jobs(file_token, script, script_name, after_batch, pass_as)
  VALUES('f-total', 'Arguments.get("parts")', 'total', 2, 'parts'), ('f-month', '1', 'close the month', 1, 'parts');
-- Of the day's starts most would be kept for one that comes each minute without an end.
INSERT INTO schedules(name, cron, timezone, file_token, script, script_name, ends_at) VALUES
  ('every minute', '* * * * *', 'UTC', 'f-minute', 'console.log("tick"); 1', 'tick', datetime('now', '+1 hour')),
  ('workdays', '30 9 * * MON-FRI', 'Asia/Shanghai', 'f-report', '1', 'report', NULL),
  ('wrong', '0 25 * * *', 'UTC', 'f-wrong', '1', 'wrong', NULL);
INSERT INTO schedules(name, cron, file_token, script, paused) VALUES('paused one', '@hourly', 'f-hour', '1', 1);
INSERT INTO classes(app, name, weight, max_running) VALUES('default', 'bulk', 1, 2);
COMMIT;
SQL
}
