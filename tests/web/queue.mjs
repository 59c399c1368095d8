// The queue that the pages show, asked by sqlite3 as a person asks it, and where its pages are.
import { execFileSync } from "node:child_process";
import { setTimeout as rest } from "node:timers/promises";

export class Queue {
  constructor(file) {
    this.file = file;
  }

  // Of the first row the first column, as text.
  value(sql) {
    return execFileSync("sqlite3", ["-cmd", ".timeout 20000", this.file, sql], { encoding: "utf8" }).trim();
  }

  job(scriptName) {
    const id = this.value(`SELECT min(id) FROM jobs WHERE script_name = '${scriptName}'`);
    if (!id) throw new Error(`no job ${scriptName}`);
    return id;
  }

  // Waits until it is so; the bound is generous, not a claim.
  async until(sql, what) {
    for (let i = 0; i < 400; ++i) {
      if (this.value(`SELECT ${sql}`) === "1") return;
      await rest(100);
    }
    throw new Error(`waited too long for: ${what}`);
  }

  // Every page, with the work of work.sh.
  pages() {
    return ["/", "/jobs", "/jobs?state=failed", "/jobs?state=queued", `/jobs/${this.job("import")}`,
      `/jobs/${this.job("broken")}`, `/jobs/${this.job("send-invoices")}`, `/jobs/${this.job("count-stock")}`,
      `/jobs/${this.job("total")}`, "/schedules", "/batches", "/apps", "/failures", "/unconfirmed", "/insights"];
  }
}
