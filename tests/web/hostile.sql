-- Texts that want to be markup, in the columns that users and scripts write. Scripts of these jobs
-- log and fail with the same.
BEGIN;
CREATE TEMP TABLE h AS SELECT '"''></td></pre><script>window.planted=1</script><img src=x onerror="window.planted=2">'
  || '<style>body{display:none}</style><a href="javascript:window.planted=3">x</a>' || char(8238) || 'gnp.exe' AS t;
INSERT INTO batches(name) SELECT t FROM h;
INSERT INTO jobs(file_token, script, script_name, argv, class, batch_id, unique_key)
  SELECT t, 'console.log(' || json_quote(t) || '); console.error(' || json_quote(t) || '); console.log("##progress", 50, '
    || json_quote(t) || '); throw new Error(' || json_quote(t) || ')', t, json_object(t, t), t, last_insert_rowid(), t FROM h;
INSERT INTO jobs(file_token, script, script_name, depends_on)
  SELECT t, json_quote(t), t, last_insert_rowid() FROM h;
INSERT INTO jobs(file_token, script, script_name)
  SELECT 'long', 'console.log(' || json_quote(hex(zeroblob(2000))) || '); ' || json_quote(hex(zeroblob(2000))), hex(zeroblob(60));
INSERT INTO schedules(name, cron, file_token, script) SELECT t, t, t, '1' FROM h;
INSERT INTO pauses(scope, key, reason) SELECT 'file', t || '1', t FROM h;
INSERT INTO classes(app, name) SELECT 'default', t FROM h;
COMMIT;
