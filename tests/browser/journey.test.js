// The whole way of a new operator: from the link of the first start to an event that was delivered, seen and tried again.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { PASSWORD, inspect, launch, open, reloadUntil } from "./support/browser.js";
import { order, shownField, shownRecord } from "./support/event.js";
import { startSimulator, startTapline } from "./support/server.js";

let browser, simulator, tapline;

before(async () => {
  browser = await launch();
  simulator = await startSimulator();
  tapline = await startTapline();
});

after(() => Promise.all([browser?.close(), simulator?.stop(), tapline?.stop()]));

/** Settings by keyboard and mouse, as a person fills them in; gives the generated write key. */
const fillInSettings = async (page) => {
  await page.getByLabel("Account ID").fill("TEST-123-4XYZ");
  await page.getByLabel("Passcode").fill("passcode-of-the-test");
  await page.getByLabel("Base URL").fill(simulator.address);
  await page.getByRole("button", { name: "Test connection" }).click();
  await page.getByText("CleverTap lets Tapline in").waitFor();
  assert.equal(await page.getByLabel("Account ID").inputValue(), "TEST-123-4XYZ", "testing keeps what is typed");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("Saved, and in force.").waitFor();
  await page.getByRole("button", { name: "Make a write key" }).click();
  const key = await page.getByLabel("The new write key", { exact: true }).innerText();
  assert.match(key, /^[\w-]{32}$/);
  return key;
};

const createAccount = async (page) => {
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByLabel("Password again").fill(PASSWORD);
  await page.getByRole("button", { name: "Make the account" }).click();
  await page.waitForURL(`${tapline.address}/start`);
};

test("setup link, password, settings, an event, its delivery, an edited copy", async () => {
  const { page, wrong, close } = await open(browser);

  await page.goto(`${tapline.address}/`);
  assert.equal(page.url(), `${tapline.address}/setup`, "without an account everything leads to setup");
  await inspect(page);
  await page.goto(tapline.setupLink);
  const token = new URL(tapline.setupLink).hash.slice(1);
  await page.waitForFunction((token) => document.getElementById("token").value === token, token);
  assert.equal(new URL(page.url()).hash, "", "the token is out of the address");
  await createAccount(page);
  await inspect(page);

  await page.getByRole("link", { name: "Events" }).first().click();
  await page.getByText("No events yet.").waitFor();
  await inspect(page);
  await page.getByRole("link", { name: "Settings" }).first().click();
  const writeKey = await fillInSettings(page);
  assert.ok(!(await page.content()).includes("passcode-of-the-test"), "a secret never comes back");

  const answer = await tapline.send("/v1/track", order("message-1"), writeKey);
  assert.equal(answer.status, 200);
  await page.getByRole("link", { name: "Overview" }).click();
  await reloadUntil(page, "Delivered");
  await inspect(page);
  await page.getByRole("link", { name: "Events" }).first().click();
  await inspect(page);

  // Opened by keyboard alone: search, then the row.
  await page.getByLabel("Name contains").focus();
  await page.keyboard.type("order");
  await page.keyboard.press("Enter");
  await page.waitForURL(/name=order/);
  const row = page.getByRole("link", { name: /Order Completed/ });
  await row.focus();
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/events\/ev_0$/);
  assert.equal(await page.getByRole("heading", { level: 1 }).innerText(), "Order Completed");
  await page.getByText("CleverTap took every record of this event.").waitFor();
  await inspect(page);

  const { records } = await simulator.received();
  const sent = records.map((record) => JSON.stringify(record));
  for (const number of [1, 2]) {
    const shown = await shownRecord(page, number);
    assert.ok(sent.includes(JSON.stringify(JSON.parse(shown))), `record ${number} is what arrived: ${shown}`);
  }

  const source = page.getByRole("link", { name: "properties.total" }).first();
  await source.focus();
  const member = page.locator("#at-properties\\.total");
  assert.match(await member.getAttribute("class"), /\blit\b/, "pointing at a source shows it in the event");

  await page.getByText("Edit a copy and preview again").click();
  const copy = page.getByLabel(/A copy of the event/);
  await copy.fill((await copy.inputValue()).replace("49.9", "60.25"));
  await shownField(page, "Amount").getByText("60.25").waitFor();
  assert.match(await shownField(page, "Amount").innerText(), /was 49\.9/);
  const status = page.getByRole("status");
  assert.match(await status.textContent(), /Mapped\. .* The result differs from that of the event as received\./);
  await inspect(page);

  await copy.fill("{");
  await page.getByText("Failed", { exact: true }).waitFor();
  assert.equal((await simulator.received()).records.length, records.length, "a preview sends nothing");

  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL(`${tapline.address}/login`);
  await inspect(page);
  await close();
  assert.deepEqual(wrong, []);
});
