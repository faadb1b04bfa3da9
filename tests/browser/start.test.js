// From the setup link to a delivered event without an account of CleverTap's: by keyboard, with JavaScript and without.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { PASSWORD, inspect, launch, open } from "./support/browser.js";
import { startTapline } from "./support/server.js";

/** More than this nobody should have to do: pages, buttons and links, after the account was made. */
const MOST_STEPS = 4;
const TWO_MINUTES = 120_000;

let browser;
before(async () => { browser = await launch(); });
after(() => browser?.close());

/** Focuses with the keyboard what has this role and name, as whoever tabs there would, and presses Enter. */
const press = async (page, role, name) => {
  const target = page.getByRole(role, { name });
  await target.waitFor();
  for (let tabs = 0; tabs < 80; tabs++) {
    if (await target.evaluate((one) => one === document.activeElement)) {
      await page.keyboard.press("Enter");
      return;
    }
    await page.keyboard.press("Tab");
  }
  assert.fail(`"${name}" can not be reached by keyboard`);
};

for (const javaScriptEnabled of [true, false]) {
  test(`a newcomer sees an event delivered ${javaScriptEnabled ? "with" : "without"} JavaScript`, async () => {
    const begun = Date.now();
    const tapline = await startTapline();
    const { page, wrong, close } = await open(browser, { javaScriptEnabled });
    await page.goto(tapline.setupLink);
    if (!javaScriptEnabled) await page.getByLabel("Setup token").fill(new URL(tapline.setupLink).hash.slice(1));
    await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
    await page.getByLabel("Password again").fill(PASSWORD);
    await page.keyboard.press("Enter");
    await page.waitForURL(`${tapline.address}/start`);
    await page.getByText("0 of 4 done.").waitFor();
    await inspect(page, { scripts: javaScriptEnabled });

    let steps = 0;
    const step = async (role, name) => { steps += 1; await press(page, role, name); };
    await step("button", "Use the sandbox");
    await page.getByText("1 of 4 done.").waitFor();
    await step("button", "Send a sample event");
    await page.getByText("Delivered to the sandbox.").waitFor();
    await page.getByText("3 of 4 done.").waitFor();
    assert.ok(steps <= MOST_STEPS, `it took ${steps} steps to see an event delivered`);
    await inspect(page, { scripts: javaScriptEnabled });

    await step("button", "Make a write key");
    const key = await page.getByLabel("The new write key", { exact: true }).innerText();
    await inspect(page, { scripts: javaScriptEnabled });
    // The snippet is what a shell takes as it stands.
    const snippet = await page.getByLabel("Command for curl", { exact: true }).innerText();
    const { stdout } = await promisify(execFile)("sh", ["-c", snippet.replace("curl ", "curl -sS ")]);
    assert.deepEqual(JSON.parse(stdout), { success: true });
    for (const name of ["node", "python", "browser"]) {
      const text = await page.locator(`#snippet-${name}`).textContent();
      assert.ok(text.includes(key) && text.includes(new URL(tapline.address).host), text);
    }
    const webhook = (await page.locator("#snippet-webhook").textContent()).split("\n");
    const answer = await fetch(webhook[0], {
      method: "POST",
      headers: { "Content-Type": "application/json", Authorization: webhook[1].replace("Authorization: ", "") },
      body: JSON.stringify({ type: "track", event: "Seen", userId: "user_1", anonymousId: "anon_1" }),
    });
    assert.equal(answer.status, 200);
    await page.goto(`${tapline.address}/start`);
    await page.getByText("4 of 4 done.").waitFor();
    assert.ok(steps <= MOST_STEPS && Date.now() - begun < TWO_MINUTES, `${steps} steps, ${Date.now() - begun} ms`);

    await page.goto(`${tapline.address}/sandbox`);
    await page.getByRole("heading", { name: "user_1" }).waitFor();
    await inspect(page, { scripts: javaScriptEnabled });
    await page.getByRole("button", { name: "Leave the sandbox" }).click();
    await page.getByText("The sandbox is off.").waitFor();
    await inspect(page, { scripts: javaScriptEnabled });
    await close();
    await tapline.stop();
    assert.deepEqual(wrong, []);
  });
}
