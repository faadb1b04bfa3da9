// The same way without JavaScript: everything is a link or a form.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { PASSWORD, inspect, launch, open, reloadUntil } from "./support/browser.js";
import { order, shownField } from "./support/event.js";
import { startSimulator, startTapline } from "./support/server.js";

let browser, simulator, tapline;

before(async () => {
  browser = await launch();
  simulator = await startSimulator();
  tapline = await startTapline();
});

after(() => Promise.all([browser?.close(), simulator?.stop(), tapline?.stop()]));

test("setup, settings, events and preview work without scripts", async () => {
  const { page, wrong, close } = await open(browser, { javaScriptEnabled: false });

  await page.goto(tapline.setupLink);
  await page.getByLabel("Setup token").fill(new URL(tapline.setupLink).hash.slice(1));
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByLabel("Password again").fill(PASSWORD);
  await page.getByRole("button", { name: "Make the account" }).click();
  await page.waitForURL(`${tapline.address}/start`);

  await page.goto(`${tapline.address}/settings`);
  await page.getByLabel("Account ID").fill("TEST-123-4XYZ");
  await page.getByLabel("Passcode").fill("passcode-of-the-test");
  await page.getByLabel("Base URL").fill(simulator.address);
  await page.getByRole("button", { name: "Test connection" }).click();
  await page.getByText("CleverTap lets Tapline in").waitFor();
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("Saved, and in force.").waitFor();
  await page.getByRole("button", { name: "Make a write key" }).click();
  const writeKey = await page.getByLabel("The new write key", { exact: true }).innerText();

  assert.equal((await tapline.send("/v1/track", order("message-1"), writeKey)).status, 200);
  await page.goto(`${tapline.address}/events?type=track&name=order`);
  await reloadUntil(page, "Delivered");
  await page.getByRole("link", { name: /Order Completed/ }).click();
  await page.getByText("Edit a copy and preview again").click();
  const copy = page.getByLabel(/A copy of the event/);
  await copy.fill((await copy.inputValue()).replace("49.9", "60.25"));
  await page.getByRole("button", { name: "Preview again" }).click();
  await page.getByText("The result differs from that of the event as received.").waitFor();
  assert.match(await shownField(page, "Amount").innerText(), /60\.25 was 49\.9/);
  assert.match(await copy.inputValue(), /60\.25/, "the edited copy is still there");

  await page.getByRole("button", { name: "Send this copy" }).click();
  await page.getByText("Job 1").waitFor();
  await reloadUntil(page, "1 delivered");
  await inspect(page, { scripts: false });
  await page.getByRole("link", { name: "ev_0" }).click();
  await page.getByText("Sent again by job 1").waitFor();
  await page.getByRole("button", { name: "Send again" }).click();
  await reloadUntil(page, "Job 2");

  await page.goto(`${tapline.address}/preview`);
  await page.getByLabel(/As JSON/).fill(`${JSON.stringify(order("a"))}\n${JSON.stringify({ type: "group" })}`);
  await page.getByRole("button", { name: "Preview" }).click();
  await page.getByText("1 mapped, 0 filtered, 1 failed.").waitFor();

  await page.getByRole("button", { name: "Dark" }).click();
  assert.equal(await page.locator("html").getAttribute("data-theme"), "dark");
  await inspect(page, { scripts: false });
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL(`${tapline.address}/login`);
  await close();
  assert.deepEqual(wrong, []);
});
