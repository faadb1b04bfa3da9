// Settings by hand: the region from a pasted address, keys that are shown once, limits that say what is wrong.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { PASSWORD, inspect, launch, open, signIn } from "./support/browser.js";
import { startTapline } from "./support/server.js";

const ADDRESS = "https://in1.dashboard.clevertap.com/project/settings";
let browser, tapline;

before(async () => {
  browser = await launch();
  tapline = await startTapline({ TAPLINE_ADMIN_PASSWORD: PASSWORD });
});

after(() => Promise.all([browser?.close(), tapline?.stop()]));

const settings = async (options) => {
  const opened = await open(browser, options);
  await signIn(opened.page, tapline.address);
  await opened.page.goto(`${tapline.address}/settings`);
  return opened;
};

test("an address of the dashboard gives the region, in its own field and in the account's", async () => {
  const { page, wrong, close } = await settings();
  const region = page.getByLabel("Region", { exact: true });
  const dashboard = page.getByLabel(/Paste your dashboard/);
  assert.equal(await region.inputValue(), "eu1");
  await dashboard.fill(ADDRESS);
  assert.equal(await region.inputValue(), "in1");
  await page.getByText("The region is India").waitFor();
  await region.selectOption("eu1");
  await dashboard.fill("");
  await page.getByLabel("Account ID").fill(ADDRESS);
  assert.equal(await region.inputValue(), "in1");
  assert.equal(await page.getByLabel("Account ID").inputValue(), "");
  assert.equal(await dashboard.inputValue(), ADDRESS);
  await inspect(page);
  await close();
  assert.deepEqual(wrong, []);
});

test("the same without JavaScript, by a button", async () => {
  const { page, close } = await settings({ javaScriptEnabled: false });
  await page.getByLabel("Account ID").fill("ABC-123");
  await page.getByLabel(/Paste your dashboard/).fill(ADDRESS);
  await page.getByRole("button", { name: "Read the region from this address" }).click();
  await page.getByText("The region is India. Save to put it in force.").waitFor();
  assert.equal(await page.getByLabel("Region", { exact: true }).inputValue(), "in1");
  assert.equal(await page.getByLabel("Account ID").inputValue(), "ABC-123");
  await inspect(page, { scripts: false });
  await close();
});

test("enter in a field saves, and a wrong amount says what is expected", async () => {
  const { page, wrong, close } = await settings();
  await page.getByLabel("Keep events for").fill("a week");
  await page.keyboard.press("Enter");
  await page.getByText("Nothing was saved.").waitFor();
  await page.getByRole("link", { name: "Keep events for" }).click();
  await inspect(page);
  await page.getByLabel("Keep events for").fill("7 days");
  await page.getByLabel("Masked paths").fill("traits.email\ncontext.ip");
  await page.getByLabel("Keep events for").press("Enter");
  await page.getByText("Saved, and in force.").waitFor();
  await page.getByText("Saved now by admin. Empty is 30 days.").waitFor();
  await close();
  assert.deepEqual(wrong.filter((one) => !one.includes("status of 422")), []);
});

test("a key is shown once, has a successor, and is revoked", async () => {
  const { page, wrong, close } = await settings();
  const section = page.getByRole("region", { name: "Write keys" });
  await section.getByLabel("What it is for").fill("Shop");
  await section.getByRole("button", { name: "Make a write key" }).click();
  const first = await page.getByLabel("The new write key", { exact: true }).innerText();
  await inspect(page);
  await page.getByRole("button", { name: "Make a successor of Shop" }).click();
  await page.waitForFunction((first) => document.querySelector(".fresh code")?.textContent !== first, first);
  const second = await page.getByLabel("The new write key", { exact: true }).innerText();
  const send = async (key) => (await tapline.send("/v1/track", { event: "a", userId: "user_1" }, key)).status;
  assert.deepEqual([await send(first), await send(second)], [200, 200]);
  await page.goto(`${tapline.address}/settings`);
  assert.ok(!(await page.content()).includes(first));
  await page.getByRole("button", { name: "Revoke Shop" }).last().click();
  await page.getByText("Revoked; who shows it is refused from now on.").waitFor();
  assert.deepEqual([await send(first), await send(second)], [401, 200]);
  await inspect(page);
  await close();
  assert.deepEqual(wrong, []);
});
