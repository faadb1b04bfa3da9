// Habits: everything by keyboard, nothing while one types, and a switch for whoever wants none of it.

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
  const batch = [order("message-1"), order("message-2"), { type: "group", userId: "user_3", anonymousId: "anon_3", groupId: "group_1" }];
  assert.equal((await tapline.send("/v1/batch", { batch }, WRITE_KEY)).status, 200);
});

after(() => Promise.all([browser?.close(), tapline?.stop()]));

/** A signed-in page on `path`, with its scripts running. */
const visit = async (path, options) => {
  const opened = await open(browser, options);
  await signIn(opened.page, tapline.address);
  const goTo = async (path) => {
    await opened.page.goto(tapline.address + path);
    await opened.page.waitForLoadState("networkidle");
  };
  await goTo(path);
  return { ...opened, goTo };
};

const focused = (page) => page.evaluate(() => document.activeElement.getAttribute("href") ?? document.activeElement.id);
const path = (page) => new URL(page.url()).pathname;
const close = async ({ wrong, close }) => {
  await close();
  assert.deepEqual(wrong, []);
};

test("g and a letter open every page of the navigation", async () => {
  const visited = await visit("/events/ev_1");
  const { page, goTo } = visited;
  const links = await page.locator(".nav a[data-key]").evaluateAll((all) =>
    all.map((link) => [link.dataset.key, link.getAttribute("href"), link.textContent.trim()]));
  assert.ok(links.length >= 5);
  assert.equal(new Set(links.map(([key]) => key)).size, links.length, "no letter twice");
  for (const [key, to, label] of links) {
    await goTo("/events/ev_1");
    await page.keyboard.press("g");
    assert.match(await page.getByRole("status").filter({ hasText: "g …" }).innerText(), new RegExp(`${key} ${label}`));
    await page.keyboard.press(key);
    await page.waitForURL(tapline.address + to);
  }
  await goTo("/events/ev_1");
  for (const key of ["g", "Escape", "o", "g", "z", "o"]) await page.keyboard.press(key);
  assert.equal(path(page), "/events/ev_1", "another key ends the waiting");
  await close(visited);
});

test("j and k walk through the rows, Enter opens one, u goes up again", async () => {
  const visited = await visit("/events");
  const { page } = visited;
  const walked = [];
  for (const key of ["j", "j", "j", "j", "k"]) {
    await page.keyboard.press(key);
    walked.push(await focused(page));
  }
  assert.deepEqual(walked, ["ev_2", "ev_1", "ev_0", "ev_0", "ev_1"].map((id) => `/events/${id}`));
  await page.keyboard.press("Enter");
  await page.waitForURL(`${tapline.address}/events/ev_1`);
  await page.waitForLoadState("networkidle");
  await page.keyboard.press("u");
  await page.waitForURL(`${tapline.address}/events`);
  await page.waitForLoadState("networkidle");
  await page.keyboard.press("k");
  assert.equal(await focused(page), "/events/ev_0", "from outside, k begins at the last");
  await close(visited);
});

test("/ goes to the search, and what is typed there fires nothing", async () => {
  const visited = await visit("/events");
  const { page } = visited;
  await page.keyboard.press("/");
  const field = page.locator("main :focus");
  await page.keyboard.type("go?/jku");
  assert.equal(await field.inputValue(), "go?/jku");
  assert.equal(path(page), "/events");
  assert.equal(await page.locator("dialog[open]").count(), 0);
  await close(visited);
});

test("nothing fires while one types in an editor's shadow tree or chooses in a list", async () => {
  const visited = await visit("/events");
  const { page } = visited;
  await page.evaluate(async () => {
    const { mountEditor } = await import(new URL("vendor/editor.js", document.querySelector("script[type=module]").src));
    mountEditor({ parent: document.querySelector("main"), label: "Rules", language: "yaml", doc: "" });
  });
  const editor = page.getByRole("textbox", { name: "Rules" });
  await editor.click();
  await page.keyboard.type("go ? / jku");
  assert.equal(await editor.innerText(), "go ? / jku");
  await page.getByLabel("State").focus();
  for (const key of ["g", "s"]) await page.keyboard.press(key);
  assert.equal(path(page), "/events");
  assert.equal(await page.locator("dialog[open]").count(), 0);
  await close(visited);
});

test("? lists every shortcut, holds the focus and gives it back", async () => {
  const visited = await visit("/events");
  const { page } = visited;
  await page.keyboard.press("j");
  const before = await focused(page);
  await page.keyboard.press("?");
  const help = page.getByRole("dialog", { name: "Keyboard shortcuts" });
  const said = (await help.locator("dt").allInnerTexts()).map((keys) => keys.replace(/\s+/g, " "));
  const letters = await page.locator(".nav a[data-key]").evaluateAll((all) => all.map((link) => `g ${link.dataset.key}`));
  for (const keys of ["Ctrl K", "?", "/", "u", "j k", "Enter", "Ctrl Enter", ...letters]) assert.ok(said.includes(keys), keys);
  await inspect(page);
  for (let turn = 0; turn < 6; turn++) {
    await page.keyboard.press("Tab");
    const place = await page.evaluate(() => document.activeElement === document.body || Boolean(document.activeElement.closest("dialog")));
    assert.ok(place, "the page behind is out of reach");
  }
  await page.keyboard.press("Escape");
  await help.waitFor({ state: "hidden" });
  assert.equal(await focused(page), before);
  await close(visited);
});

test("single keys are turned off by a switch and stay off; keys with Ctrl go on", async () => {
  const visited = await visit("/events");
  const { page, goTo } = visited;
  await page.keyboard.press("?");
  const single = page.getByRole("switch", { name: /Single keys/ });
  assert.ok(await single.isChecked());
  await single.focus();
  await page.keyboard.press("Space");
  await page.keyboard.press("Escape");
  await goTo("/events/ev_1");
  for (const key of ["?", "/", "j", "u", "g", "o"]) await page.keyboard.press(key);
  assert.equal(path(page), "/events/ev_1");
  assert.equal(await page.locator("dialog[open]").count(), 0);
  await page.keyboard.press("Control+k");
  await page.getByRole("dialog", { name: "Go to" }).waitFor();
  await page.keyboard.type("shortcuts");
  await page.keyboard.press("Enter");
  await single.focus();
  assert.ok(!await single.isChecked(), "the switch shows what holds");
  await page.keyboard.press("Space");
  await page.keyboard.press("Escape");
  await page.keyboard.press("u");
  await page.waitForURL(`${tapline.address}/events`);
  await close(visited);
});

test("the palette goes to pages, headings, actions, events and reasons by keyboard alone", async () => {
  const visited = await visit("/events/ev_1");
  const { page, goTo } = visited;
  const palette = page.getByRole("dialog", { name: "Go to" });
  const choose = async (text) => {
    await page.keyboard.press("Control+k");
    await palette.waitFor();
    assert.equal(await palette.getByRole("combobox").inputValue(), "");
    await page.keyboard.type(text);
    await page.keyboard.press("Enter");
  };
  await choose("sett");
  await page.waitForURL(`${tapline.address}/settings`);
  await goTo("/events/ev_1");
  await choose("answer");
  assert.equal(await focused(page), "answer");
  await choose("ev_0");
  await page.waitForURL(`${tapline.address}/events/ev_0`);
  await page.waitForLoadState("networkidle");
  await choose("1");
  await page.waitForURL(`${tapline.address}/events/ev_1`);
  await page.waitForLoadState("networkidle");
  await choose("rows: compact");
  await page.locator("html[data-density=compact]").waitFor();
  await page.waitForLoadState("networkidle");
  await choose("group_unsupported");
  await page.waitForURL(/\/(reasons\/|events\?code=)group_unsupported$/);
  await page.waitForLoadState("networkidle");
  await choose("zzz zzz");
  await page.waitForURL(/\/events\?name=zzz/);
  await close(visited);
});

test("the palette is a combobox whose choice is said, and gives the focus back", async () => {
  const visited = await visit("/events/ev_1");
  const { page, goTo } = visited;
  await goTo("/events");
  await page.keyboard.press("j");
  await page.keyboard.press("Control+k");
  const box = page.getByRole("combobox", { name: "Where to?" });
  const options = page.getByRole("dialog").getByRole("option");
  await options.first().waitFor();
  assert.match(await options.first().innerText(), /Event ev_1\s+Recent/, "where one was comes first");
  const chosen = async () => page.locator(`#${await box.getAttribute("aria-activedescendant")}`).innerText();
  const [first, second] = await options.allInnerTexts();
  assert.equal(await chosen(), first);
  await page.keyboard.press("ArrowDown");
  assert.equal(await chosen(), second);
  for (const key of ["ArrowUp", "ArrowUp"]) await page.keyboard.press(key);
  assert.equal(await chosen(), await options.last().innerText(), "it goes round");
  await inspect(page);
  await box.fill("ovrvw");
  assert.match(await chosen(), /^Overview/, "letters may be missing");
  await page.keyboard.press("Escape");
  assert.equal(await focused(page), "/events/ev_2");
  await close(visited);
});

test("of what was looked at only IDs are kept", async () => {
  const visited = await visit("/events?user=user_1");
  const { page, goTo } = visited;
  await goTo("/events/ev_0");
  await goTo("/events/ev_1");
  assert.deepEqual(await page.evaluate(() => ({ ...localStorage })), { "tapline.recent": '["ev_1","ev_0"]' });
  await close(visited);
});

test("Ctrl+Enter submits the form that has the focus, or runs what the page runs", async () => {
  const visited = await visit("/events");
  const { page } = visited;
  await page.getByLabel("Reason code").fill("group_unsupported");
  await page.keyboard.press("Control+Enter");
  await page.waitForURL(/code=group_unsupported/);
  await page.waitForLoadState("networkidle");
  await page.evaluate(() => {
    document.querySelector("main").insertAdjacentHTML("beforeend", "<button type=button data-run>Run</button><p id=ran></p>");
    document.querySelector("[data-run]").addEventListener("click", () => { document.getElementById("ran").textContent = "ran"; });
    document.querySelector("main").focus();
  });
  await page.keyboard.press("Control+Enter");
  await page.getByText("ran", { exact: true }).waitFor();
  await close(visited);
});
