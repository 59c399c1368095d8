// Clicks each button that changes something, and asks the queue whether it did.
import { newContext } from "./browser.mjs";

// A form of the pages: its fields are those of daemon/web/actions.h.
function formOf(page, fields) {
  let form = "form[action='/act']";
  for (const [name, value] of Object.entries(fields))
    form += `:has(input[name='${name}'][value='${value}'])`;
  return page.locator(form).first();
}

export async function clickActions(browser, base, queue, trouble) {
  const context = await newContext(browser);
  const page = await context.newPage();

  // Clicks the button of the form with these fields, then that of the page which asks whether it is meant.
  async function click(what, path, fields, becomes) {
    await page.goto(base + path);
    const form = formOf(page, fields);
    if (await form.count() === 0) return trouble(`${path} has no button to ${what}`);
    try {
      await press(form);
      const confirm = formOf(page, { confirm: "1" });
      if (await confirm.count() > 0) await press(confirm);
      await queue.until(becomes, what);
      console.log(`   ${what}: done`);
    } catch (error) {
      trouble(`to ${what}: ${error.message}`);
    }
  }
  async function press(form) {
    await page.evaluate(() => document.querySelectorAll("details").forEach((element) => { element.open = true; }));
    const [response] = await Promise.all([
      page.waitForResponse((answer) => answer.request().method() === "POST"),
      form.locator("button").first().click(),
    ]);
    if (response.status() >= 400) throw new Error(`status ${response.status()}`);
    await page.waitForLoadState("load");
  }

  const broken = queue.job("broken");
  const sync = queue.job("sync");
  const running = queue.job("import");
  const doubtful = queue.job("send-invoices");
  const started = queue.value(`SELECT attempt FROM jobs WHERE id = ${broken}`);
  await click("run a job again", `/jobs/${broken}`, { action: "rerun", job: broken },
    `attempt > ${started} FROM jobs WHERE id = ${broken}`);
  await click("cancel a job", `/jobs/${sync}`, { action: "cancel", job: sync },
    `state = 'cancelled' FROM jobs WHERE id = ${sync}`);
  await click("decide an unconfirmed job", "/unconfirmed", { action: "cancel", job: doubtful },
    `state = 'cancelled' FROM jobs WHERE id = ${doubtful}`);
  queue.value(`DELETE FROM watches WHERE job_id = ${running}`);
  await click("watch a job", `/jobs/${running}`, { action: "watch", job: running },
    `count(*) FROM watches WHERE job_id = ${running}`);
  await click("pause an app", "/apps", { action: "pause" }, "count(*) > 0 FROM pauses WHERE scope <> 'file'");
  await click("go on with an app", "/apps", { action: "resume" }, "count(*) = 0 FROM pauses WHERE scope <> 'file'");
  const made = "FROM jobs WHERE schedule = 'workdays' AND scheduled_at IS NULL";
  await click("run a schedule now", "/schedules", { action: "run_schedule", schedule: "workdays" }, `count(*) = 1 ${made}`);
  const most = queue.value("SELECT max(attempt) FROM jobs WHERE script_name = 'prices' AND state = 'failed'");
  await click("run all of a filter again", "/jobs?state=failed&script=prices", { action: "rerun" },
    `count(*) = 2 FROM jobs WHERE script_name = 'prices' AND attempt > ${most}`);
  await context.close();
}
