// The bundles by themselves, under the console's own policy: the editor, the difference of two texts, a chart.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { PASSWORD, inspect, launch, open, signIn } from "./support/browser.js";
import { startTapline } from "./support/server.js";

let browser, tapline;

before(async () => {
  browser = await launch();
  tapline = await startTapline({ TAPLINE_ADMIN_PASSWORD: PASSWORD });
});

after(() => Promise.all([browser?.close(), tapline?.stop()]));

/** A page with nothing in it but `html`, where `run` finds a bundle's exports as `made`. */
const stage = async (bundle, html, run) => {
  const opened = await open(browser);
  await signIn(opened.page, tapline.address);
  await opened.page.evaluate(async ([bundle, html]) => {
    document.querySelector("main").innerHTML = `<h1>Bundle</h1>${html}`;
    globalThis.said = [];
    globalThis.made = await import(new URL(`vendor/${bundle}`, document.querySelector("script[type=module]").src));
  }, [bundle, html]);
  await opened.page.evaluate(run);
  return opened;
};
const finish = async ({ wrong, close }) => {
  await close();
  assert.deepEqual(wrong, []);
};

test("an editor over a textarea keeps the form whole, lets Tab out and Ctrl+Enter through", async () => {
  const staged = await stage("editor.js", `<form action="/events"><label for="name">Rules file</label>
    <textarea id="name" name="name">a: 1</textarea><button type="submit">Go</button></form>`, () => {
    made.mountEditor({ textarea: document.getElementById("name"), language: "yaml" });
  });
  const { page } = staged;
  const editor = page.getByRole("textbox", { name: "Rules file" });
  assert.equal(await editor.innerText(), "a: 1");
  await inspect(page);
  await page.getByText("Rules file").click();
  await page.keyboard.press("Control+End");
  await page.keyboard.type("2");
  assert.equal(await page.locator("#name").inputValue(), "a: 12");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Go");
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Control+Enter");
  await page.waitForURL(/\/events\?name=a%3A\+12$/);
  await finish(staged);
});

test("problems stand where lines and columns say, are said in words, and are mended by one key", async () => {
  const staged = await stage("editor.js", `<div id="here"></div><ol id="list" hidden></ol>`, () => {
    globalThis.editor = made.mountEditor({
      parent: document.getElementById("here"), problemList: document.getElementById("list"), label: "Rules", language: "yaml", doc: "# 🎉🎉\n🎉 prioriy: 3\n",
      lint: (text) => text.includes("prioriy") ? [{
        from: { line: 2, column: 3 }, to: { line: 2, column: 10 }, code: "R0001", message: "unknown key `prioriy`",
        fixes: [{ label: "Use priority", insert: "priority" }],
      }] : [],
    });
  });
  const { page } = staged;
  const marked = page.locator(".cm-lintRange-error");
  assert.equal(await marked.innerText(), "prioriy", "columns count characters");
  await page.evaluate(() => editor.goTo({ line: 2, column: 3 }));
  assert.deepEqual(await page.evaluate(() => editor.cursor), { line: 2, column: 3 });
  const list = page.locator("#list");
  assert.equal((await list.innerText()).replace(/\s+/g, " ").trim(), "Line 2, column 3 error R0001 unknown key `prioriy` Use priority");
  await page.keyboard.press("Control+f");
  await inspect(page);
  await page.keyboard.press("Escape");
  await list.getByRole("button", { name: "Line 2, column 3" }).press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.className), "code-editor");
  await list.getByRole("button", { name: "Use priority" }).press("Enter");
  assert.match(await page.evaluate(() => editor.text), /^🎉 priority: 3$/m);
  await page.waitForFunction(() => !document.querySelector(".code-editor").shadowRoot.querySelector(".cm-lintRange-error"));
  await page.evaluate(() => editor.show([{ from: 0, message: "shown by the page", severity: "warning" }]));
  await page.locator(".cm-lintRange-warning").waitFor();
  assert.match(await list.innerText(), /warning\s+shown by the page/);
  await finish(staged);
});

test("completion offers what the page says and inserts it by keyboard", async () => {
  const staged = await stage("editor.js", `<div id="here"></div>`, () => {
    globalThis.editor = made.mountEditor({
      parent: document.getElementById("here"), label: "Rules", language: "yaml", doc: "rules:\n  ",
      complete: (question) => {
        said.push(question);
        return { options: [{ label: "priority", insert: "priority: ", detail: "integer", info: "Which rule comes first" }, { label: "when" }] };
      },
    });
    editor.goTo({ line: 2, column: 3 });
  });
  const { page } = staged;
  await page.keyboard.type("pr");
  await page.getByRole("option", { name: /priority/ }).waitFor();
  assert.equal(await page.getByRole("option").count(), 1, "what does not fit is not offered");
  await inspect(page);
  await page.waitForTimeout(100);
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => editor.text), "rules:\n  priority: ");
  const asked = await page.evaluate(() => said[0]);
  assert.deepEqual([asked.place.line, asked.before.trim()[0], asked.explicit], [2, "p", false]);
  await finish(staged);
});

test("what is only read can be read by keyboard and not be changed", async () => {
  const staged = await stage("editor.js", `<div id="here"></div>`, () => {
    globalThis.editor = made.mountEditor({ parent: document.getElementById("here"), label: "Script", language: "rhai", doc: "let x = `a ${1}`; // so\n", readOnly: true });
    editor.focus();
  });
  const { page } = staged;
  await page.keyboard.type("no");
  assert.equal(await page.evaluate(() => editor.text), "let x = `a ${1}`; // so\n");
  const colours = await page.locator(".cm-line").first().evaluate((line) =>
    Object.fromEntries([...line.querySelectorAll("span")].map((part) => [part.textContent, getComputedStyle(part).color])));
  assert.equal(new Set([colours.let, colours["1"], colours["`a "], colours["// so"]]).size, 4, JSON.stringify(colours));
  await inspect(page);
  await finish(staged);
});

test("a difference stands side by side or in one column", async () => {
  const staged = await stage("editor.js", `<div id="two"></div><div id="one"></div>`, () => {
    const texts = { left: { doc: "a: 1\nb: 2\n", label: "Live" }, right: { doc: "a: 1\nb: 3\n", label: "Candidate" }, language: "yaml" };
    globalThis.two = made.mountMerge({ parent: document.getElementById("two"), ...texts, onChange: (text) => said.push(text) });
    globalThis.one = made.mountMerge({ parent: document.getElementById("one"), ...texts, unified: true });
  });
  const { page } = staged;
  assert.equal(await page.locator("#two .cm-changedLine").count(), 2);
  assert.match(await page.locator("#one .cm-deletedChunk").innerText(), /b: 2/);
  await inspect(page);
  const candidate = page.locator("#two").getByRole("textbox", { name: "Candidate" });
  await candidate.click();
  await page.keyboard.press("Control+End");
  await page.keyboard.type("c");
  assert.deepEqual(await page.evaluate(() => [said.at(-1), two.text, one.text]), ["a: 1\nb: 3\nc", "a: 1\nb: 3\nc", "a: 1\nb: 3\n"]);
  await page.evaluate(() => { two.destroy(); one.destroy(); });
  assert.equal(await page.locator(".code-merge").count(), 0);
  await finish(staged);
});

test("a chart is drawn under the policy", async () => {
  const staged = await stage("uplot.js", `<div id="here"></div>`, () => {
    new made.default({ width: 400, height: 200, series: [{}, { stroke: "green" }] }, [[1, 2, 3], [4, 5, 6]], document.getElementById("here"));
  });
  const drawn = await staged.page.locator("#here canvas").evaluate((canvas) =>
    canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some((part) => part > 0));
  assert.ok(drawn);
  await finish(staged);
});
