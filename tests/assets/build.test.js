// What is checked in is what the pinned packages give, byte for byte, and holds nothing that a page may not do.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { ROOT, files } from "./build.js";

let made;

before(async () => { made = await files(); });

const checkedIn = (path) => readFile(join(ROOT, path), "utf8");

test("the bundles, their licences, hashes and the icons come out byte for byte as they are checked in", async () => {
  const different = [];
  for (const [path, text] of made) if (text !== await checkedIn(path)) different.push(path);
  assert.deepEqual(different, [], "run `npm run build --prefix tests/assets` and look at what changed");
  const there = (await readdir(join(ROOT, "static/vendor"))).map((name) => `static/vendor/${name}`);
  assert.deepEqual(there.filter((path) => !made.has(path)), [], "nothing stands there that is not built");
});

test("the hashes are those of the files", async () => {
  const sums = (await checkedIn("static/vendor/SHA256SUMS")).trim().split("\n").map((line) => line.split("  "));
  assert.equal(sums.length, made.size - 2, "every file but the sums themselves and the icons");
  for (const [sum, name] of sums) {
    assert.equal(createHash("sha256").update(await checkedIn(`static/vendor/${name}`)).digest("hex"), sum, name);
  }
});

test("no bundle makes code from text or names an address to load from", () => {
  for (const [path, text] of made) {
    if (!path.endsWith(".js")) continue;
    assert.doesNotMatch(text, /\beval\(|\bnew Function\b|\bimport\(/, path);
    const addresses = new Set(text.match(/https?:\/\/[\w./-]+/g));
    addresses.delete("http://www.w3.org/2000/svg");
    assert.deepEqual([...addresses], [], path);
  }
});

test("only licences that ask for no more than their notice", () => {
  const named = made.get("static/vendor/LICENSES.txt").match(/^\S+ \d\S* \(.+\)$/gm);
  assert.ok(named.length > 15, `${named.length} packages`);
  assert.deepEqual(named.filter((one) => !/\((MIT|ISC)\)$/.test(one)), []);
});
