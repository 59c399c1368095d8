// usage: node look.mjs MODULES ADDRESS DATABASE
// Looks at every page in a browser: with and without JavaScript, wide and narrow, in both languages,
// light and dark. The queue has the work of work.sh and the texts of hostile.sql.
import { setTimeout as rest } from "node:timers/promises";
import { clickActions } from "./actions.mjs";
import { newContext, withBrowser } from "./browser.mjs";
import { Queue } from "./queue.mjs";

const [modules, base, database] = process.argv.slice(2);
const queue = new Queue(database);
const troubles = [];
const trouble = (text) => {
  troubles.push(text);
  console.error("FAILED: " + text);
};

// What a page must not have: neither of ours nor of a text in it.
function wrongInPage() {
  const wrong = [];
  const root = document.scrollingElement;
  if (root.scrollWidth > root.clientWidth) {
    const wide = [...document.querySelectorAll("body *")]
      .filter((element) => !element.closest(".scroll, pre") && !element.querySelector("*:not(time, code, span)")
        && (element.getBoundingClientRect().right > root.clientWidth + 1 || element.scrollWidth > element.clientWidth + 1))
      .map((element) => element.outerHTML.slice(0, 120));
    wrong.push(`the body scrolls sideways (${root.scrollWidth} > ${root.clientWidth}): ${wide.slice(0, 3).join(" ")}`);
  }
  if (window.planted !== undefined) wrong.push("a planted script ran");
  const scripts = [...document.scripts].filter((script) => script.getAttribute("src") !== "/assets/page.js");
  if (scripts.length) wrong.push("a planted script element");
  if (document.querySelector("img, style, iframe, [style], [href^='javascript:']")) wrong.push("a planted element");
  for (const element of document.querySelectorAll("*"))
    for (const { name } of element.attributes)
      if (name.startsWith("on")) wrong.push(`a planted ${name}`);
  return wrong;
}

async function serious(page, axe) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() =>
    window.axe.run(document, { resultTypes: ["violations"] }));
  return violations.filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ html }) => html.slice(0, 160)).join(" | ")}`);
}

async function lookAt(context, name, path, axe) {
  const page = await context.newPage();
  const tell = (text) => trouble(`${path} (${name}): ${text}`);
  page.on("console", (message) => { if (message.type() === "error") tell(`console: ${message.text()}`); });
  page.on("pageerror", (error) => tell(`error: ${error.message}`));
  page.on("dialog", (dialog) => { tell("a dialog"); dialog.dismiss(); });
  const response = await page.goto(base + path, { waitUntil: "load" });
  if (response.status() !== 200) tell(`status ${response.status()}`);
  for (const wrong of await page.evaluate(wrongInPage)) tell(wrong);
  if (axe) for (const wrong of await serious(page, axe)) tell(wrong);
  await page.close();
}

// Each kind of window; that without scripts must show the same, so it needs no second check by axe.
const windows = [
  { name: "wide, English, light", width: 1280, check: true },
  { name: "narrow, Chinese, dark", width: 390, chinese: true, dark: true, check: true },
  { name: "narrow, English, light", width: 390, check: true },
  { name: "wide, Chinese, dark", width: 1280, chinese: true, dark: true, check: true },
  { name: "wide, without scripts", width: 1280, scripts: false },
  { name: "narrow, without scripts", width: 390, scripts: false },
];

async function lookAtAll(browser, axe) {
  const hostile = queue.value("SELECT min(id) FROM jobs WHERE script_name LIKE '%window.planted%'");
  const long = queue.value("SELECT id FROM jobs WHERE file_token = 'long'");
  const paths = [...queue.pages(), `/jobs/${hostile}`, `/jobs/${long}`,
    "/jobs?error=" + encodeURIComponent("\"><script>window.planted=4</script>")];
  for (const { name, check, ...settings } of windows) {
    const context = await newContext(browser, settings);
    for (const path of paths) await lookAt(context, name, path, check && axe);
    await context.close();
    console.log(`   ${name}: ${paths.length} pages`);
  }
  const context = await newContext(browser);
  const page = await context.newPage();
  await page.goto(`${base}/jobs/${hostile}`);
  if (!(await page.textContent("body")).includes("<script>window.planted=1</script>"))
    trouble("the hostile text is not shown as text");
  await context.close();
}

// A line of a running job is in the open page some time after it was stored, without a reload.
async function followLog(browser) {
  const job = queue.job("import");
  const context = await newContext(browser);
  const page = await context.newPage();
  await page.goto(`${base}/jobs/${job}`);
  await page.evaluate(() => {
    window.lines = [];
    new MutationObserver((changes) => {
      for (const { addedNodes } of changes)
        for (const node of addedNodes)
          for (const [, row] of node.textContent.matchAll(/row (\d+)(?!\d)/g))
            window.lines.push({ row, at: Date.now() });
    }).observe(document.getElementById("main"), { childList: true, subtree: true });
  });
  const seen = () => page.evaluate(() => window.lines ?? null);
  for (let i = 0; i < 600 && (await seen())?.length < 10; ++i) await rest(100);
  const lines = await seen();
  await context.close();
  if (lines === null) return trouble("the page of a running job was loaded anew");
  if (lines.length < 10) return trouble("lines of a running job do not appear in its open page");
  const delays = lines.map(({ row, at }) => at - Number(queue.value(
    `SELECT CAST(round((julianday(fetched_at) - 2440587.5) * 86400000) AS INTEGER) FROM logs
     WHERE job_id = ${job} AND message = 'row ${row}' ORDER BY seq LIMIT 1`))).sort((a, b) => a - b);
  console.log(`   ms from the arrival of a line to its being in the page: median ${delays[delays.length >> 1]}, `
    + `longest ${delays.at(-1)}`);
  if (delays.at(-1) > 10000) trouble("a line took more than ten seconds to its page");
}

await withBrowser(modules, async (browser, axe) => {
  console.log("== every page, in every kind of window");
  await lookAtAll(browser, axe);
  console.log("== the log of a running job");
  await followLog(browser);
  console.log("== what the buttons do");
  await clickActions(browser, base, queue, trouble);
});
if (troubles.length) {
  console.error(`${troubles.length} things are wrong`);
  process.exit(1);
}
