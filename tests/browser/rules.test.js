// The rules: what is in force, a source, revisions, and a candidate from a slip of the hand to the rules directory.

import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { PASSWORD, inspect, launch, open, reloadUntil, signIn } from "./support/browser.js";
import { startSimulator, startTapline } from "./support/server.js";

const WRITE_KEY = "write_key_1";
const FILE = "packs/house.yaml";
const PACK = `version: 1
pack: house
rules:
  - id: inner
    when: { type: track, event: Inner }
    filter: { code: inner, message: stays here }
  - id: never
    when: { type: group }
    filter: { code: group, message: no groups }
  - id: late
    when: { type: track, event: Inner }
    filter: { code: late, message: too late }
  - id: order
    when:
      type: track
      event: Ordered
    emit:
      - event:
          address: [{ identity: userId }]
          name: { value: Charged }
          data:
            Amount: { from: properties.total, as: number }
            Note: { script: 'print("looked"); event.properties.total' }
  - id: rest
    fail: { code: rest, message: nothing applies }
`;
let browser, simulator, tapline, rules;

const track = async (event, count) => {
  const batch = Array.from({ length: count }, (_, number) => ({
    type: "track", event, userId: `user_${number}`, anonymousId: "anon_1", properties: { total: number },
  }));
  assert.equal((await tapline.send("/v1/batch", { batch }, WRITE_KEY)).status, 200);
};

before(async () => {
  rules = await mkdtemp(join(tmpdir(), "tapline-rules-"));
  await mkdir(join(rules, "packs"));
  await writeFile(join(rules, "tapline.yaml"), "version: 1\npack: house\n");
  await writeFile(join(rules, FILE), PACK);
  browser = await launch();
  simulator = await startSimulator();
  tapline = await startTapline({
    TAPLINE_ADMIN_PASSWORD: PASSWORD, TAPLINE_WRITE_KEY: WRITE_KEY, TAPLINE_RULES: rules,
    TAPLINE_ALLOW_WRITE_RULES: "true",
  });
  await track("Inner", 7);
  await track("Other", 60);
  await track("Ordered", 3);
});

after(async () => {
  await Promise.all([browser?.close(), simulator?.stop(), tapline?.stop()]);
  await rm(rules, { recursive: true, force: true });
});

/** The text of a file in the form, with or without an editor over it. */
const field = (page, path) => page.locator(`textarea[data-file="${path}"]`);

test("rules, a source and revisions pass in light and dark and at 320 px", async () => {
  const { page, wrong, close } = await open(browser);
  await signIn(page, tapline.address);
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Rules" }).click();
  await page.waitForURL(`${tapline.address}/rules`);
  await reloadUntil(page, "70 with this revision");
  const row = (id) => page.locator(`#rule-${id}`);
  assert.match(await row("inner").innerText(), /Hits\s+7/);
  assert.match(await row("rest").innerText(), /60, 60 failed/);
  assert.match(await row("never").innerText(), /never hit/i);
  assert.match(await row("late").innerText(), /never reached/i);
  await inspect(page);

  // By keyboard: from the rule to its line, and back.
  await row("never").getByRole("link", { name: "never", exact: true }).focus();
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/rules\/source\/packs\/house\.yaml#L7$/);
  await inspect(page);
  await page.getByRole("link", { name: "The rule never in the list" }).click();
  await page.waitForURL(/\/rules#rule-never$/);

  await page.goto(`${tapline.address}/rules/revisions`);
  await inspect(page);
  await close();
  assert.deepEqual(wrong, []);
});

test("a candidate is checked, run on an event, compared and written without scripts", async () => {
  const { page, wrong, close } = await open(browser, { javaScriptEnabled: false });
  await signIn(page, tapline.address);
  await page.goto(`${tapline.address}/rules/candidate`);
  const pack = field(page, FILE);
  assert.equal(await pack.inputValue(), PACK, "the text comes as it is");
  await pack.fill(PACK.replace("    when: { type: group }", "    wen: { type: group }"));
  await page.getByRole("button", { name: "Only check" }).click();
  await page.getByText("It can not be in force as it is.").waitFor();
  await page.getByText(`${FILE}:8:5`).waitFor();
  await inspect(page, { scripts: false });
  await page.getByRole("button", { name: "Write when" }).click();
  await page.getByText("It could be in force, as revision").waitFor();
  assert.equal(await pack.inputValue(), PACK);

  await page.getByLabel("One event").fill("ev_67");
  await page.getByRole("button", { name: "Run on this event" }).click();
  await page.getByText("What it makes of ev_67").waitFor();
  await page.getByText("looked", { exact: true }).waitFor();

  await pack.fill(PACK.replace("code: inner", "code: outer"));
  await page.getByLabel(/Newest events/).fill("100000");
  await page.getByRole("button", { name: "Compare", exact: true }).click();
  await page.waitForURL(/\/rules\/candidate\/\d+$/);
  await reloadUntil(page, "70 events compared");
  assert.match(await page.locator("main").innerText(), /63\s+Unchanged[\s\S]*7\s+Another reason/);
  await inspect(page, { scripts: false });
  await page.getByRole("link", { name: "all of group 1" }).click();
  assert.equal(await page.locator(".diff-events a").count(), 7);
  await page.getByRole("link", { name: "ev_3" }).click();
  await page.getByRole("heading", { name: "Rules: candidate" }).waitFor();
  await inspect(page, { scripts: false });
  await page.goBack();
  await page.goBack();
  await page.getByRole("button", { name: "Write to the rules directory" }).click();
  await page.getByText("One file is written.").waitFor();
  assert.match(await readFile(join(rules, FILE), "utf8"), /code: outer/);
  await page.goto(`${tapline.address}/rules`);
  await reloadUntil(page, "outer");
  await page.getByRole("link", { name: "Revisions" }).click();
  await page.getByRole("button", { name: "Compare the two" }).click();
  await page.getByText("1 line added, 1 removed").waitFor();
  await inspect(page, { scripts: false });
  await close();
  assert.deepEqual(wrong, []);
  assert.equal((await simulator.received()).records.length, 0, "nothing was sent");
});

test("while the newest set is bad a banner says where, on every page", async () => {
  const { page, wrong, close } = await open(browser);
  await signIn(page, tapline.address);
  await page.goto(`${tapline.address}/rules`);
  const good = await readFile(join(rules, FILE), "utf8");
  await writeFile(join(rules, FILE), good.replace("filter: { code: group", "filtre: { code: group"));
  await reloadUntil(page, "What keeps the newest rules from being in force");
  await inspect(page);
  await page.getByLabel("Problems of the newest rules").getByRole("link", { name: `${FILE}:9:5` }).click();
  await page.getByText("This set was refused").waitFor();
  await inspect(page);
  await page.goto(`${tapline.address}/events`);
  await page.getByText("The newest rules are not in force").waitFor();
  await writeFile(join(rules, FILE), good);
  await page.goto(`${tapline.address}/rules`);
  await reloadUntil(page, "taken");
  await close();
  assert.deepEqual(wrong, []);
});

test("with scripts the editor shows what is wrong while one types, and what mends it", async () => {
  const { page, wrong, close } = await open(browser);
  await signIn(page, tapline.address);
  await page.goto(`${tapline.address}/rules/candidate`);
  const editor = page.getByRole("textbox", { name: `Text of ${FILE}` });
  // Before it stands there, the textarea has the name.
  await page.locator(".code-editor").waitFor();
  const text = await field(page, FILE).inputValue();
  await inspect(page);
  await editor.focus();
  await page.keyboard.press("Control+Home");
  await page.keyboard.press("Control+End");
  await page.keyboard.type("extrass: []\n");
  await page.getByRole("heading", { name: "It can not be in force as it is." }).waitFor();
  const line = text.split("\n").length;
  assert.equal(await field(page, FILE).inputValue(), `${text}extrass: []\n`, "what is seen is what is posted");
  await page.getByRole("link", { name: `${FILE}:${line}:1` }).click();
  assert.ok(await editor.evaluate((one) => one.getRootNode().activeElement === one), "the link leads into the text");
  await inspect(page);
  await page.getByRole("button", { name: "Write extras" }).click();
  await page.getByRole("heading", { name: /It could be in force, as revision/ }).waitFor();
  assert.match(await field(page, FILE).inputValue(), /extras: \[\]/);
  await close();
  assert.deepEqual(wrong, []);
});
