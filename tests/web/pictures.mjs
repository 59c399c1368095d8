// usage: node pictures.mjs MODULES ADDRESS DATABASE FOLDER
// A picture of each page, wide and light, and narrow and dark.
import { join } from "node:path";
import { newContext, withBrowser } from "./browser.mjs";
import { Queue } from "./queue.mjs";

const [modules, base, database, folder] = process.argv.slice(2);
const nameOf = (path) => path.replace(/\W+/g, "-").replace(/^-|-$/g, "") || "now";

await withBrowser(modules, async (browser) => {
  for (const { kind, ...settings } of [{ kind: "wide", width: 1280 }, { kind: "narrow", width: 390, dark: true }]) {
    const context = await newContext(browser, settings);
    const page = await context.newPage();
    for (const path of new Queue(database).pages()) {
      await page.goto(base + path, { waitUntil: "load" });
      await page.screenshot({ path: join(folder, `${nameOf(path)}-${kind}.png`), fullPage: true });
    }
    await context.close();
  }
  // The two of the README: what one sees without scrolling.
  const context = await newContext(browser, { width: 960 });
  const page = await context.newPage();
  const queue = new Queue(database);
  for (const [name, path] of [["now", "/"], ["job", `/jobs/${queue.job("import")}`]]) {
    await page.setViewportSize({ width: 960, height: 900 });
    await page.goto(base + path, { waitUntil: "load" });
    await page.screenshot({ path: join(folder, `readme-${name}.png`) });
  }
  await context.close();
});
