// What the editor of rules offers, by the schema that the server gives.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { offer, pathOf } from "../../static/rules_schema.js";

const schema = (name) => JSON.parse(readFileSync(new URL(`../../rules/schema/${name}.json`, import.meta.url), "utf8"));
const pack = schema("pack");

/** What is offered where `|` stands. */
const offered = (text, root = pack) => {
  const at = text.indexOf("|");
  const before = text.slice(0, at).split("\n").at(-1);
  const place = { line: text.slice(0, at).split("\n").length, column: before.length + 1 };
  return offer(root, { text: text.replace("|", ""), place, before })?.options.map((one) => one.label) ?? [];
};

test("the keys that lead to a place are found by indentation", () => {
  for (const [text, path] of [
    ["", []],
    ["rules:\n  - ", ["rules", "[]"]],
    ["rules:\n  - id: a\n    ", ["rules", "[]"]],
    ["rules:\n- id: a\n  ", ["rules", "[]"]],
    ["rules:\n  - id: a\n    when:\n      ", ["rules", "[]", "when"]],
    ["rules:\n  - id: a\n    when:\n      all:\n        - type: track\n          ", ["rules", "[]", "when", "all", "[]"]],
    ["options:\n  a:\n    type: boolean\n\nrules:\n  - id: x\n\n    # why\n    emit:\n      - event:\n          ", ["rules", "[]", "emit", "[]", "event"]],
  ]) {
    const lines = text.split("\n");
    assert.deepEqual(pathOf(lines.slice(0, -1), lines.at(-1)), path, text);
  }
});

test("every key of a mapping is offered with what it means, and of a choice every word", () => {
  assert.deepEqual(offered("|").sort(), Object.keys(pack.properties).sort());
  const rule = offered("rules:\n  - id: a\n    |");
  for (const key of ["id", "when", "emit", "filter", "fail", "require", "script"]) assert.ok(rule.includes(key), `${key} of ${rule}`);
  assert.ok(offered("rules:\n  - |").includes("id"));
  const when = offered("rules:\n  - id: a\n    when:\n      |");
  for (const key of ["type", "event", "present", "where", "not"]) assert.ok(when.includes(key), `${key} of ${when}`);
  assert.ok(offered("rules:\n  - id: a\n    emit:\n      - |").includes("profile"));
  assert.deepEqual(offered("options:\n  a:\n    type: |").includes("boolean"), true);
  assert.ok(offered("|", schema("entry")).includes("disable"));
});

test("nothing is offered in comments, in texts and where nothing is known", () => {
  for (const text of ["# |", "title: some wo|", "rules:\n  - id: a # |", "nonsense:\n  |"]) {
    assert.deepEqual(offered(text), [], text);
  }
});
