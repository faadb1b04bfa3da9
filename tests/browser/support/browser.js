// A Chromium that notices everything it should not have to: violations of the content security policy, errors on the
// console, requests beyond this machine, and what axe finds.

import assert from "node:assert/strict";
import { AxeBuilder } from "@axe-core/playwright";
import { chromium } from "playwright-core";

const FLAGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
const LOOPBACK = new Set(["127.0.0.1", "localhost", "[::1]"]);

/** The browser of one test file. */
export const launch = () =>
  chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS });

/** A page of a browser without history, which keeps a list of everything that went wrong. */
export const open = async (browser, options = {}) => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const wrong = [];
  await context.exposeBinding("taplineViolation", (_, what) => wrong.push(`content security policy: ${what}`));
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      globalThis.taplineViolation(`${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.on("console", (message) => {
    if (message.type() === "error") wrong.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => wrong.push(`script: ${error.message}`));
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol !== "data:" && !LOOPBACK.has(url.hostname)) wrong.push(`request to ${url.hostname}`);
  });
  return { page, wrong, close: () => context.close() };
};

/** What holds for every page, in light and dark, wide and at 320 px. */
export const inspect = async (page, { scripts = true } = {}) => {
  const name = new URL(page.url()).pathname;
  const wide = page.viewportSize();
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [wide.width, 320]) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: wide.height });
      const seen = await page.evaluate(() => ({
        width: document.documentElement.scrollWidth,
        headings: document.querySelectorAll("h1").length,
        title: document.title,
        landmarks: ["header", "main", "footer"].every((one) => document.querySelector(`body > ${one}`)),
        language: document.documentElement.lang,
        skip: document.querySelector("a")?.getAttribute("href"),
        ids: [...document.querySelectorAll("[id]")].map((one) => one.id),
      }));
      assert.ok(seen.width <= width, `${name} is ${seen.width} px wide on ${width} px`);
      assert.equal(seen.headings, 1, `${name} has one h1`);
      assert.match(seen.title, / · Tapline$/);
      assert.ok(seen.landmarks && seen.language === "en" && seen.skip === "#main", `${name} has its landmarks`);
      assert.equal(new Set(seen.ids).size, seen.ids.length, `${name} names every id once`);
      if (!scripts) continue;
      const found = await new AxeBuilder({ page }).withTags(RULES).analyze();
      const said = found.violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.target).join(", ")}`);
      assert.deepEqual(said, [], `axe on ${name}, ${colorScheme}, ${width} px`);
    }
  }
  await page.emulateMedia({ colorScheme: null });
  await page.setViewportSize(wide);
};

/** Reloads until the page says `words`; delivery goes on in the background. */
export const reloadUntil = async (page, words) => {
  const end = Date.now() + 20_000;
  while (!(await page.locator("main").innerText()).includes(words)) {
    assert.ok(Date.now() < end, `the page never said "${words}"`);
    await page.waitForTimeout(100);
    await page.reload();
  }
};

export const PASSWORD = "a quiet long sentence";

/** Signs in as the account that `TAPLINE_ADMIN_PASSWORD` makes. */
export const signIn = async (page, address) => {
  await page.goto(`${address}/login`);
  await page.getByLabel("Name").fill("admin");
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(`${address}/`);
};
