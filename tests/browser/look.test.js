// How the console looks to whom: density, theme without flash, forced colours, little motion, paper, phones, times.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { PASSWORD, inspect, launch, open, signIn } from "./support/browser.js";
import { order } from "./support/event.js";
import { startTapline } from "./support/server.js";

const WRITE_KEY = "write_key_1";
let browser, tapline;

before(async () => {
  browser = await launch();
  tapline = await startTapline({ TAPLINE_ADMIN_PASSWORD: PASSWORD, TAPLINE_WRITE_KEY: WRITE_KEY });
  const batch = [order("message-1"), { type: "group", userId: "user_3", anonymousId: "anon_3", groupId: "group_1" }];
  assert.equal((await tapline.send("/v1/batch", { batch }, WRITE_KEY)).status, 200);
});

after(() => Promise.all([browser?.close(), tapline?.stop()]));

const visit = async (path, options) => {
  const opened = await open(browser, options);
  await signIn(opened.page, tapline.address);
  await opened.page.goto(tapline.address + path);
  await opened.page.waitForLoadState("networkidle");
  return opened;
};
const finish = async ({ wrong, close }) => {
  await close();
  assert.deepEqual(wrong, []);
};
const style = (page, selector, property, pseudo) =>
  page.locator(selector).first().evaluate((element, [property, pseudo]) => getComputedStyle(element, pseudo)[property], [property, pseudo]);

test("rows are tighter when somebody wants them so, from the first byte on", async () => {
  const visited = await visit("/events");
  const { page } = visited;
  const height = async () => (await page.locator("a.row").first().boundingBox()).height;
  const comfortable = await height();
  await page.getByRole("button", { name: "Compact" }).click();
  await page.waitForLoadState();
  assert.equal(new URL(page.url()).pathname, "/events", "one stays where one was");
  assert.ok(await height() < comfortable * 0.85, `${await height()} of ${comfortable} px`);
  assert.match(await (await page.request.get(`${tapline.address}/settings`)).text(), /^<!doctype html>\s*<html [^>]*data-density="compact"/);
  await inspect(page);
  await page.getByRole("button", { name: "Comfortable" }).click();
  assert.equal(await height(), comfortable);
  await finish(visited);
});

test("a dark page is dark in every frame, even on a light system and when style sheets are slow", async () => {
  const visited = await visit("/events", { colorScheme: "light" });
  const { page } = visited;
  await page.getByRole("button", { name: "Dark" }).click();
  await page.waitForLoadState("networkidle");
  const dark = await style(page, "body", "backgroundColor");
  await page.context().addInitScript(() => {
    globalThis.seen = [];
    const look = () => {
      if (document.body) globalThis.seen.push(getComputedStyle(document.body).backgroundColor);
      requestAnimationFrame(look);
    };
    look();
  });
  await page.route("**/*.css", async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 300));
    await route.continue();
  });
  await page.goto(`${tapline.address}/`);
  await page.waitForFunction(() => globalThis.seen.length > 5);
  assert.deepEqual([...new Set(await page.evaluate(() => globalThis.seen))], [dark]);
  // Until there is a style sheet the browser paints its own canvas, and this tells it which.
  assert.equal(await page.locator("meta[name=color-scheme]").getAttribute("content"), "dark");
  await finish(visited);
});

test("with forced colours everything that colour says is said by lines and words", async () => {
  const visited = await visit("/events", { forcedColors: "active" });
  const { page } = visited;
  assert.equal(await style(page, ".pill", "borderTopStyle"), "solid");
  assert.equal(await page.locator(".pill:not(:has(svg))").count(), 0, "every status has an icon");
  assert.match(await style(page, ".nav a[aria-current]", "textDecorationLine"), /underline/);
  assert.equal(await style(page, ".button", "borderTopStyle"), "solid");
  await page.keyboard.press("Control+k");
  await page.getByRole("dialog", { name: "Go to" }).waitFor();
  assert.equal(await style(page, "[role=option][aria-selected=true]", "outlineStyle"), "solid");
  await page.keyboard.press("Escape");
  await inspect(page);
  await finish(visited);
});

test("nothing moves for whom motion is too much", async () => {
  const motion = async (reducedMotion) => {
    const visited = await visit("/events", { reducedMotion });
    const { page } = visited;
    await page.evaluate(() => document.querySelector("main").insertAdjacentHTML("beforeend", "<span class=skeleton>…</span>"));
    await page.keyboard.press("?");
    const running = await page.evaluate(() => document.getAnimations().length);
    const scrolls = await style(page, "html", "scrollBehavior");
    await finish(visited);
    return [running > 0, scrolls];
  };
  assert.deepEqual(await motion("reduce"), [false, "auto"]);
  assert.deepEqual(await motion("no-preference"), [true, "smooth"]);
});

test("on paper an event stands alone, black on white, with exact times", async () => {
  const visited = await visit("/events/ev_0", { colorScheme: "dark" });
  const { page } = visited;
  await page.emulateMedia({ media: "print", colorScheme: "dark" });
  for (const part of ["header.bar", "footer", "main form", ".crumbs"]) assert.ok(!await page.locator(part).first().isVisible(), part);
  assert.equal(await style(page, "h1", "color"), "rgb(0, 0, 0)");
  assert.match(await style(page, "body", "backgroundColor"), /rgba\(0, 0, 0, 0\)|rgb\(255, 255, 255\)/);
  const time = page.locator("main time").first();
  assert.match(await time.innerText(), /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
  assert.ok(!await time.locator("relative-time").isVisible());
  assert.ok((await page.pdf({ format: "A4" })).length > 10_000);
  await finish(visited);
});

test("at 320 px the pages fold into a menu, with and without scripts", async () => {
  for (const javaScriptEnabled of [true, false]) {
    const visited = await visit("/", { viewport: { width: 320, height: 640 }, javaScriptEnabled });
    const { page } = visited;
    const link = page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Settings" });
    assert.ok(!await link.isVisible());
    await page.getByRole("button", { name: "Menu" }).press("Enter");
    await link.waitFor();
    assert.equal(await page.getByRole("button", { name: "Go to" }).isVisible(), javaScriptEnabled, "what needs scripts is not offered without");
    await inspect(page, { scripts: javaScriptEnabled });
    if (!await link.isVisible()) await page.getByRole("button", { name: "Menu" }).click();
    for (const target of await page.locator(".bar a, .bar button").all()) {
      const box = await target.boundingBox();
      if (box) assert.ok(box.width >= 24 && box.height >= 24, `${await target.innerText()}: ${box.width} × ${box.height}`);
    }
    await link.click();
    await page.waitForURL(`${tapline.address}/settings`);
    await finish(visited);
  }
});

test("times are relative, go on, and give the exact one on hover and on focus", async () => {
  const visited = await visit("/events");
  const { page } = visited;
  const time = page.locator("a.row time").first();
  const exact = await time.getAttribute("title");
  assert.match(exact, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/);
  assert.equal(new Date(exact.replace(" UTC", "Z").replace(" ", "T")).getTime(), Math.floor(Date.parse(await time.getAttribute("datetime")) / 1000) * 1000);
  assert.match(await time.locator("relative-time").evaluate((one) => one.shadowRoot.textContent), /^(now|\d+ minutes? ago)$/);
  await page.keyboard.press("j");
  const note = page.getByRole("tooltip");
  assert.equal(await note.innerText(), exact);
  assert.equal(await page.locator(":focus").getAttribute("aria-describedby"), "exact-note");
  await inspect(page);
  await page.keyboard.press("Escape");
  assert.ok(!await note.isVisible(), "Escape takes it away");
  await page.goto(`${tapline.address}/events/ev_0`);
  await page.waitForLoadState("networkidle");
  const alone = page.locator("main time[tabindex]").first();
  await page.keyboard.press("Tab");
  await alone.focus();
  assert.equal(await note.innerText(), await alone.getAttribute("title"), "one can stop at a time that stands alone");
  await alone.blur();
  assert.ok(!await note.isVisible());
  await finish(visited);
});

test("without scripts times are exact", async () => {
  const visited = await visit("/events", { javaScriptEnabled: false });
  assert.match(await visited.page.locator("a.row time").first().innerText(), /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
  await finish(visited);
});

test("a command is copied by a button, which says so", async () => {
  const visited = await visit("/events/ev_0", { permissions: ["clipboard-read", "clipboard-write"] });
  const { page } = visited;
  const copy = page.getByRole("button", { name: /^Copy/ }).first();
  await page.evaluate(() => document.querySelectorAll("main details").forEach((one) => { one.open = true; }));
  await copy.focus();
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), await copy.locator("xpath=../pre").textContent());
  await page.getByRole("status").getByText("Copied").waitFor();
  await finish(visited);
});

test("a page loads the bundles it uses and no others, once", async () => {
  const visited = await open(browser);
  const { page } = visited;
  const loaded = [];
  page.on("request", (request) => loaded.push(new URL(request.url()).pathname.replace(/^\/static\/[^/]+\//, "")));
  await signIn(page, tapline.address);
  await page.waitForLoadState("networkidle");
  loaded.length = 0;
  await page.goto(`${tapline.address}/events`);
  await page.waitForLoadState("networkidle");
  assert.deepEqual(loaded.filter((name) => /^(vendor\/(editor|uplot)|palette)/.test(name)), []);
  await finish(visited);
});
