// A browser of this machine, remote-controlled by what npm ci has put into a folder.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";

// Calls `work(browser, axe)` with a browser that has a profile of its own, and ends it. `axe` is the
// source of the checks of accessibility. `modules`: the folder in which npm ci was run.
export async function withBrowser(modules, work) {
  const require = createRequire(join(modules, "index.js"));
  const { chromium } = require("playwright-core");
  const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
  const browser = await chromium.launch({
    executablePath: "/usr/bin/chromium",
    headless: true,
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
  try {
    return await work(browser, axe);
  } finally {
    await browser.close();
  }
}

// A window with a session of its own.
export function newContext(browser, { chinese = false, dark = false, width = 1280, scripts = true } = {}) {
  return browser.newContext({
    locale: chinese ? "zh-CN" : "en-US",
    colorScheme: dark ? "dark" : "light",
    viewport: { width, height: 900 },
    javaScriptEnabled: scripts,
  });
}
