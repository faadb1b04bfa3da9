// The page of one event: four panes, where every field came from, and what is asked of CleverTap by hand.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { PASSWORD, inspect, launch, open, reloadUntil, signIn } from "./support/browser.js";
import { order, shownField } from "./support/event.js";
import { startSimulator, startTapline } from "./support/server.js";

const WRITE_KEY = "write_key_1";
let browser, simulator, tapline;

before(async () => {
  browser = await launch();
  simulator = await startSimulator("--fault", "503:first=1");
  tapline = await startTapline({
    TAPLINE_ADMIN_PASSWORD: PASSWORD, TAPLINE_WRITE_KEY: WRITE_KEY, TAPLINE_ACCOUNT_ID: "TEST-ACCOUNT",
    TAPLINE_PASSCODE: "passcode_1", TAPLINE_CLEVERTAP_URL: simulator.address,
  });
  const long = order("message-1");
  long.properties.note = "ü".repeat(300);
  long.properties.deep = { a: 1 };
  const events = [long, { type: "track", event: "Seen", userId: "user_2", properties: { Total: 5 } }];
  assert.equal((await tapline.send("/v1/batch", { batch: events }, WRITE_KEY)).status, 200);
});

after(() => Promise.all([browser?.close(), simulator?.stop(), tapline?.stop()]));

const visit = async (path, options) => {
  const opened = await open(browser, options);
  await signIn(opened.page, tapline.address);
  await opened.page.goto(tapline.address + path);
  return opened;
};

const visible = (page) => page.evaluate(() =>
  [...document.querySelectorAll(".pane")].filter((one) => one.checkVisibility()).map((one) => one.id));

for (const path of ["/events/ev_0", "/events/ev_1", "/events/ev_0/case", "/preview"]) {
  test(`${path} passes in light and dark and at 320 px with everything unfolded`, async () => {
    const { page, wrong, close } = await visit(path);
    if (path === "/events/ev_0") await reloadUntil(page, "Attempt 2");
    await page.evaluate(() => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
    await inspect(page);
    await close();
    assert.deepEqual(wrong, []);
  });
}

test("by keyboard a field lights up its source, its rule and its row, and the source leads back", async () => {
  const { page, wrong, close } = await visit("/events/ev_0");
  const lit = () => page.evaluate(() => [...document.querySelectorAll(".lit")].map((one) => one.id));
  const amount = page.locator("#r1-at-evtData\\.Amount > a.k");
  await amount.focus();
  for (const id of ["at-properties.total", "r1-at-evtData.Amount", "rule-order-completed"]) {
    assert.ok((await lit()).includes(id), `${id} is lit: ${await lit()}`);
  }
  const told = await amount.getAttribute("aria-describedby");
  assert.match(await page.locator(`#${told}`).innerText(), /properties\.total[\s\S]*segment-cloud\.yaml:\d+:\d+/);
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.activeElement.closest("[id='at-properties.total']"));
  assert.ok((await lit()).includes("r1-at-evtData.Amount"), "and the other way");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.activeElement.closest("[id='r1-at-evtData.Amount']"));
  await close();
  assert.deepEqual(wrong, []);
});

test("side by side where there is room, one pane at a time where there is not, also without scripts", async () => {
  for (const javaScriptEnabled of [true, false]) {
    const { page, close } = await visit("/events/ev_0", { javaScriptEnabled });
    assert.equal((await visible(page)).length, 4);
    await page.setViewportSize({ width: 600, height: 900 });
    assert.deepEqual(await visible(page), ["pane-event"]);
    for (const [name, id] of [["Why", "pane-why"], ["Difference", "pane-difference"], ["Records", "pane-records"]]) {
      await page.getByRole("navigation", { name: "Panes" }).getByRole("link", { name }).click();
      await page.waitForURL(`**#${id}`);
      await page.locator(`#${id}`).waitFor();
      assert.deepEqual(await visible(page), [id]);
    }
    await page.getByRole("link", { name: "properties.total" }).first().click();
    await page.locator("#pane-event").waitFor();
    assert.deepEqual(await visible(page), ["pane-event"], "a source is shown in its pane");
    assert.match(await page.locator("main").textContent(), /The rule order-completed decided/);
    await close();
  }
});

test("a chosen pane stays while one types, and a result of an earlier text says so", async () => {
  const { page, wrong, close } = await visit("/events/ev_0", { viewport: { width: 600, height: 900 } });
  await page.getByRole("link", { name: "Records", exact: true }).click();
  await page.getByText("Edit a copy and preview again").click();
  let answer;
  await page.route("**/events/ev_0", async (route) => {
    if (route.request().method() === "POST") await new Promise((resolve) => { answer = resolve; });
    await route.continue().catch(() => {});
  });
  const copy = page.getByLabel(/A copy of the event/);
  await copy.fill((await copy.inputValue()).replace("49.9", "60.25"));
  assert.match(await page.locator("#result").getAttribute("class"), /\bstale\b/);
  while (!answer) await page.waitForTimeout(20);
  answer();
  await shownField(page, "Amount").getByText("60.25").waitFor();
  assert.doesNotMatch(await page.locator("#result").getAttribute("class"), /\bstale\b/);
  assert.deepEqual(await visible(page), ["pane-records"]);
  await close();
  assert.deepEqual(wrong, []);
});

test("the command on the page is taken by CleverTap, and validating leaves nothing there", async () => {
  const { page, wrong, close } = await visit("/events/ev_0");
  await reloadUntil(page, "Delivered");
  const { count } = await simulator.received();
  const command = await page.locator("pre.curl code").textContent();
  assert.ok(!command.includes("passcode_1") && command.includes("TEST-ACCOUNT"), command);
  const run = await promisify(execFile)("bash", ["-c", command], { env: { ...process.env, CLEVERTAP_PASSCODE: "passcode_1" } });
  assert.equal(JSON.parse(run.stdout).status, "success", run.stdout);
  await page.getByRole("button", { name: "Validate with CleverTap" }).last().click();
  await page.getByText("CleverTap finds nothing wrong with it.").waitFor();
  await inspect(page);
  assert.equal((await simulator.received()).count, count);
  await close();
  assert.deepEqual(wrong, []);
});

test("sending for real asks again on a page of its own, without scripts", async () => {
  const { page, wrong, close } = await visit("/preview", { javaScriptEnabled: false });
  await page.getByRole("button", { name: "Send for real…" }).click();
  await page.getByRole("heading", { name: "Send for real?" }).waitFor();
  await inspect(page, { scripts: false });
  const { count } = await simulator.received();
  await page.getByRole("button", { name: /^Send \d+ records? to http/ }).click();
  await page.getByRole("heading", { name: "Sent for real" }).waitFor();
  assert.ok((await simulator.received()).count > count);
  await close();
  assert.deepEqual(wrong, []);
});
