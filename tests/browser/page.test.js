// What single pages promise: every page in every state passes axe, typing shows only the newest answer, themes stay.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { PASSWORD, inspect, launch, open, signIn } from "./support/browser.js";
import { order, shownField } from "./support/event.js";
import { startTapline } from "./support/server.js";

const WRITE_KEY = "write_key_1";
let browser, tapline;

before(async () => {
  const variables = { TAPLINE_ADMIN_PASSWORD: PASSWORD, TAPLINE_WRITE_KEY: WRITE_KEY, TAPLINE_REGION: "in1" };
  browser = await launch();
  tapline = await startTapline(variables);
  const events = [
    order("message-1"),
    { type: "track", event: "Product Viewed", userId: "user_2", properties: { sku: "sku_1" } },
    { type: "identify", userId: "user_1", anonymousId: "anon_1", traits: { email: "jane@example.com", "Odd Key": [1] } },
    { type: "track", userId: "user_3", anonymousId: "anon_3" },
    { type: "group", userId: "user_3", anonymousId: "anon_3", groupId: "group_1" },
  ];
  assert.equal((await tapline.send("/v1/batch", { batch: events }, WRITE_KEY)).status, 200);
});

after(() => Promise.all([browser?.close(), tapline?.stop()]));

const PATHS = [
  "/", "/events", "/events?state=failed", "/events?text=nowhere", "/events?before=ev_2", "/preview", "/resends", "/settings",
  "/settings?done=saved", "/start", "/sandbox", "/events/ev_0", "/events/ev_1", "/events/ev_2", "/events/ev_3", "/events/ev_4",
];

for (const path of PATHS) {
  test(`${path} passes in light and dark and at 320 px`, async () => {
    const { page, wrong, close } = await open(browser);
    await signIn(page, tapline.address);
    await page.goto(tapline.address + path);
    await page.evaluate(() => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
    await inspect(page);
    await close();
    assert.deepEqual(wrong, []);
  });
}

test("what is refused says so on a page that passes", async () => {
  const { page, wrong, close } = await open(browser);
  await page.goto(`${tapline.address}/login`);
  await page.getByLabel("Name").fill("admin");
  await page.getByLabel("Password").fill("not the right sentence");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("Name and password do not belong together.").waitFor();
  await inspect(page);
  await signIn(page, tapline.address);
  await page.goto(`${tapline.address}/settings`);
  await page.getByLabel("Account ID").fill("not an id!");
  await page.getByLabel("Passcode").fill("typed-once");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("Nothing was saved.").waitFor();
  await page.getByText("The new one you typed is kept").waitFor();
  await inspect(page);
  await page.goto(`${tapline.address}/nothing`);
  await inspect(page);
  await close();
  // Chromium reports the status of a refused page as an error of its own.
  assert.deepEqual(wrong.filter((one) => !one.includes("the server responded with a status of 4")), []);
});

test("somebody else's save is shown beside one's own", async () => {
  const [mine, theirs] = [await open(browser), await open(browser)];
  for (const { page } of [mine, theirs]) {
    await signIn(page, tapline.address);
    await page.goto(`${tapline.address}/settings`);
  }
  for (const [{ page }, account] of [[theirs, "THEIRS"], [mine, "MINE"]]) {
    await page.getByLabel("Account ID").fill(account);
    await page.getByRole("button", { name: "Save", exact: true }).click();
  }
  const row = mine.page.getByRole("row", { name: /^Account ID THEIRS .* MINE/ });
  assert.ok(await row.getByRole("radio", { name: /^MINE/ }).isChecked(), "what was typed is chosen until one chooses");
  await inspect(mine.page);
  await row.getByRole("radio", { name: /^THEIRS/ }).check();
  await mine.page.getByRole("button", { name: "Save what is chosen" }).click();
  await mine.page.getByText("Saved, and in force.").waitFor();
  assert.equal(await mine.page.getByLabel("Account ID").inputValue(), "THEIRS");
  await Promise.all([mine.close(), theirs.close()]);
});

test("of twenty edits whose answers come in any order only the newest is shown", async () => {
  const { page, wrong, close } = await open(browser);
  await signIn(page, tapline.address);
  await page.goto(`${tapline.address}/preview`);
  let asked = 0;
  // The first answers come last: each waits less than the one before it.
  await page.route("**/preview", async (route) => {
    const turn = asked++;
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, 1000 - turn * 50)));
    await route.continue().catch(() => {});
  });
  const field = page.getByLabel(/As JSON/);
  for (let total = 1; total <= 20; total++) {
    await field.fill(JSON.stringify(order("a", total)));
    await page.keyboard.press("Control+Enter");
  }
  await shownField(page, "Amount").getByText("20", { exact: true }).waitFor();
  await page.waitForTimeout(1200);
  assert.match(await shownField(page, "Amount").innerText(), /\b20\b/);
  assert.ok(asked >= 20, `${asked} were asked`);
  assert.equal(await page.evaluate(() => document.activeElement.id), "event", "focus stays in the field");
  await close();
  assert.deepEqual(wrong, []);
});

test("a theme is chosen once and there from the first byte on", async () => {
  const { page, close } = await open(browser, { colorScheme: "light" });
  await signIn(page, tapline.address);
  const colour = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await colour();
  await page.goto(`${tapline.address}/events?state=failed`);
  await page.getByRole("button", { name: "Dark" }).click();
  assert.match(page.url(), /\/events\?state=failed$/, "one stays where one was");
  assert.notEqual(await colour(), light);
  assert.match(await (await page.request.get(`${tapline.address}/`)).text(), /<html lang="en" data-theme="dark"[ >]/);
  await page.getByRole("button", { name: "System" }).click();
  assert.equal(await colour(), light);
  await close();
});

test("the skip link comes first and leads past the navigation", async () => {
  const { page, close } = await open(browser);
  await signIn(page, tapline.address);
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to content");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  assert.ok(await page.evaluate(() => document.querySelector("main").contains(document.activeElement)));
  await close();
});
