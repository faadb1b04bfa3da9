// The list of events: live, paused, bounded, across a restart; selecting; going back; and all of it without scripts.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { PASSWORD, inspect, launch, open, signIn } from "./support/browser.js";
import { startTapline } from "./support/server.js";

const WRITE_KEY = "write_key_1";
/** The run of the issue is 500 events a second for 30 seconds: `TAPLINE_LONG=1`. */
const SECONDS = process.env.TAPLINE_LONG ? 30 : 6;
const RATE = 500;
const MOST_ROWS = 500;

let browser, tapline;
let made = 0;

const track = (event = "Step") => {
  made += 1;
  return { type: "track", event, messageId: `message-${made}`, userId: `user_${made}`, anonymousId: `anon_${made}` };
};

const send = async (count, event) => {
  const batch = Array.from({ length: count }, () => track(event));
  assert.equal((await tapline.send("/v1/batch", { batch }, WRITE_KEY)).status, 200);
};

const rows = (page) => page.locator("[data-rows] > li");
const ids = (page) => rows(page).evaluateAll((all) => all.map((row) => row.dataset.id));
const live = (page) => page.getByRole("button", { name: "Live", exact: true });
const places = (ids) => ids.map((id) => Number(id.slice(3)));
const isNewestFirst = (ids) => places(ids).every((place, at, all) => at === 0 || all[at - 1] > place);

before(async () => {
  browser = await launch();
  tapline = await startTapline({ TAPLINE_ADMIN_PASSWORD: PASSWORD, TAPLINE_WRITE_KEY: WRITE_KEY });
});

after(() => Promise.all([browser?.close(), tapline?.stop()]));

test("the first events come into an empty list that is live, and every state of it passes", async () => {
  const { page, wrong, close } = await open(browser);
  await signIn(page, tapline.address);
  await page.goto(`${tapline.address}/events?event=First`);
  await page.getByText("No events match.").waitFor();
  // Between the page and the live view.
  await send(1, "First");
  await live(page).click();
  await page.getByText("New events appear on top.").waitFor();
  assert.match(page.url(), /live=1/);
  await send(2, "First");
  await send(1, "Other");
  await rows(page).nth(2).waitFor();
  assert.equal(await rows(page).count(), 3, "the filter holds for what comes");
  assert.equal(await page.getByText("No events match.").count(), 0);
  await page.waitForFunction(() => document.querySelector("[data-summary]").textContent === "3 new events.");
  await inspect(page);
  await page.getByRole("button", { name: "Pause" }).click();
  await page.getByRole("checkbox").first().check();
  await page.getByRole("button", { name: "Send 1 selected again" }).waitFor();
  await inspect(page);
  await close();
  assert.deepEqual(wrong, []);
});

test("paused, no row moves and the number of those that wait is right; resumed, they are there", async () => {
  const { page, wrong, close } = await open(browser);
  await signIn(page, tapline.address);
  await page.goto(`${tapline.address}/events?live=1`);
  await page.getByText("New events appear on top.").waitFor();
  await page.getByRole("button", { name: "Pause" }).focus();
  await page.keyboard.press("Enter");
  const before = await ids(page);
  await send(37);
  await send(5);
  await page.getByRole("button", { name: "Resume: +42 new" }).waitFor();
  assert.deepEqual(await ids(page), before);
  await page.keyboard.press("Enter");
  await page.waitForFunction((count) => document.querySelectorAll("[data-rows] > li").length === count, before.length + 42);
  const shown = await ids(page);
  assert.ok(isNewestFirst(shown) && new Set(shown).size === shown.length);
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Pause", "the focus stays");
  await close();
  assert.deepEqual(wrong, []);
});

/** Notes the slowest interaction in ms, and the most rows that the list had. */
const watch = (page) => page.evaluate(() => {
  globalThis.seen = { slowest: 0, rows: 0 };
  const { seen } = globalThis;
  const note = (list) => list.getEntries().forEach((entry) => { seen.slowest = Math.max(seen.slowest, entry.duration); });
  new PerformanceObserver(note).observe({ type: "event", durationThreshold: 16 });
  const list = document.querySelector("[data-rows]");
  new MutationObserver(() => { seen.rows = Math.max(seen.rows, list.children.length); }).observe(list, { childList: true });
});

/**
 * The longest task of the page in a trace: by the clock, and in time of the processor, which does not grow when others have
 * the machine, too. In ms.
 */
const longestTask = (trace) => {
  const { traceEvents } = JSON.parse(trace.toString());
  const threads = traceEvents.filter((one) => one.name === "thread_name" && one.args.name === "CrRendererMain");
  const mains = new Set(threads.map((one) => `${one.pid} ${one.tid}`));
  const tasks = traceEvents.filter((one) => one.name === "RunTask" && mains.has(`${one.pid} ${one.tid}`));
  assert.ok(tasks.length > 100, `${tasks.length} tasks were traced`);
  const most = (name) => tasks.reduce((longest, task) => Math.max(longest, (task[name] ?? 0) / 1000), 0);
  return { clock: most("dur"), processor: most("tdur") };
};

/** Sends at the rate for so long, with somebody using the keyboard meanwhile; gives how many. */
const burst = async (page, event) => {
  const begun = Date.now();
  let sent = 0;
  while (Date.now() - begun < SECONDS * 1000) {
    const due = Math.min(Math.floor(((Date.now() - begun) / 1000) * RATE) - sent, 250);
    if (due > 0) await send(due, event);
    sent += Math.max(due, 0);
    await page.keyboard.press("Tab");
    await page.waitForTimeout(50);
  }
  return sent;
};

test(`${RATE} events a second for ${SECONDS} s: rows are bounded, nothing blocks, nothing is missed`, async () => {
  const { page, wrong, close } = await open(browser);
  await signIn(page, tapline.address);
  await page.goto(`${tapline.address}/events?event=Burst`);
  await watch(page);
  await live(page).click();
  await page.getByText("New events appear on top.").waitFor();
  await browser.startTracing(page, { categories: ["devtools.timeline", "disabled-by-default-devtools.timeline"] });
  const sent = await burst(page, "Burst");
  const list = await page.request.get(`${tapline.address}/events?event=Burst`);
  const newest = (await list.text()).match(/data-id="(ev_\d+)"/)[1];
  await page.waitForFunction((id) => document.querySelector("[data-rows] > li")?.dataset.id === id, newest);
  const task = longestTask(await browser.stopTracing());
  const shown = await ids(page);
  assert.equal(shown.length, Math.min(sent, MOST_ROWS));
  // The row that has the focus does not fall off with those of its age.
  const focused = await page.evaluate(() => document.activeElement.closest("[data-rows] > li")?.dataset.id);
  const rest = places(shown.filter((id) => id !== focused));
  const expected = places(shown.map((_, at) => `ev_${Number(newest.slice(3)) - at}`));
  const kept = expected.filter((place) => focused === undefined || place !== places([focused])[0]);
  assert.deepEqual(rest, kept.slice(0, rest.length), "the newest, each once and none missing");
  const { slowest, rows } = await page.evaluate(() => globalThis.seen);
  const [clock, processor] = [Math.round(task.clock), Math.round(task.processor)];
  console.log(`# ${sent} events in ${SECONDS} s: longest task ${processor} ms of the processor, ${clock} ms by the clock; slowest interaction ${slowest} ms; at most ${rows} rows`);
  assert.ok(rows <= MOST_ROWS, `${rows} rows`);
  assert.ok(processor < 200, `a task of ${processor} ms`);
  // The interaction is a figure only: it waits for the machine's turn to paint, too, which says nothing about the page.
  // What fell off is a link away.
  await page.getByRole("link", { name: "Older events" }).click();
  await page.waitForURL(/before=/);
  assert.equal((await ids(page))[0], `ev_${rest.at(-1) - 1}`);
  await close();
  assert.deepEqual(wrong, []);
});

test("a line that breaks is said in words, and what came meanwhile is there afterwards", async () => {
  const { page, close } = await open(browser);
  await signIn(page, tapline.address);
  await page.goto(`${tapline.address}/events?event=Broken&live=1`);
  await page.getByText("New events appear on top.").waitFor();
  await send(3, "Broken");
  await rows(page).nth(2).waitFor();
  await page.context().setOffline(true);
  // An open stream is not cut by that; the server ends it.
  await tapline.restart();
  await page.getByText("Connection lost. Trying again…").waitFor();
  await send(4, "Broken");
  await page.context().setOffline(false);
  await rows(page).nth(6).waitFor({ timeout: 45_000 });
  const shown = await ids(page);
  assert.ok(shown.length === 7 && new Set(shown).size === 7 && isNewestFirst(shown), `${shown}`);
  await close();
});

test("going back finds the filter, the live view and the place as they were", async () => {
  const { page, wrong, close } = await open(browser);
  await signIn(page, tapline.address);
  await send(60, "Far");
  await page.goto(`${tapline.address}/events?event=Far`);
  await page.evaluate(() => scrollTo({ top: document.documentElement.scrollHeight, behavior: "instant" }));
  const scrolled = await page.evaluate(() => scrollY);
  assert.ok(scrolled > 0);
  await rows(page).nth(48).getByRole("link").click();
  await page.waitForURL(/events\/ev_/);
  await page.goBack();
  await page.waitForFunction((y) => Math.abs(scrollY - y) < 200, scrolled);
  assert.match(page.url(), /event=Far/);
  await live(page).click();
  await page.getByText("New events appear on top.").waitFor();
  await rows(page).first().getByRole("link").click();
  await page.waitForURL(/events\/ev_/);
  await page.goBack();
  await page.getByText("New events appear on top.").waitFor();
  await close();
  assert.deepEqual(wrong, []);
});

test("without scripts there is a link to look again, rows can be selected, and what would be sent is counted first", async () => {
  const { page, wrong, close } = await open(browser, { javaScriptEnabled: false });
  await signIn(page, tapline.address);
  await send(3, "Plain");
  await page.goto(`${tapline.address}/events?event=Plain`);
  assert.equal(await live(page).isVisible(), false);
  await send(1, "Plain");
  await page.getByRole("link", { name: "Refresh" }).click();
  assert.equal(await rows(page).count(), 4);
  await inspect(page, { scripts: false });
  await page.getByRole("checkbox").nth(1).check();
  await page.getByRole("checkbox").nth(2).check();
  await page.getByRole("button", { name: "Send selected again" }).click();
  await page.getByRole("heading", { name: "Send again: 2 selected events" }).waitFor();
  await page.getByText("2 still on its way").waitFor();
  await inspect(page, { scripts: false });
  await page.goto(`${tapline.address}/events?event=Plain`);
  await page.getByRole("link", { name: "Send all that match again" }).click();
  await page.getByText("Plain", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Count again" }).click();
  await page.getByRole("link", { name: "Do not send" }).click();
  assert.match(page.url(), /events\?event=Plain$/);
  await close();
  assert.deepEqual(wrong, []);
});

test("an address with what is no filter, and the page that counts, pass everywhere", async () => {
  const { page, wrong, close } = await open(browser);
  await signIn(page, tapline.address);
  for (const path of ["/events?foo=1&from=x", "/resends/new?event=Plain", "/resends/new?id=ev_1", "/resends/new"]) {
    await page.goto(tapline.address + path);
    await inspect(page);
  }
  await close();
  assert.deepEqual(wrong, []);
});
