// Makes what the console serves of other people's code: bundles, their licences and hashes, and the icons.
//
//   npm run build     writes static/vendor/ and templates/part/icon.html
//
// The same packages give the same bytes; `build.test.js` holds the checked-in files to that.

import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { icons } from "./icon.js";

const HERE = dirname(fileURLToPath(import.meta.url));
export const ROOT = join(HERE, "../..");
const FOLDER = "static/vendor";

const BUNDLES = [
  { out: "editor.js", entry: "editor/index.js" },
  { out: "relative-time.js", entry: "relative-time.js" },
  { out: "uplot.js", entry: "uplot.js" },
  { out: "uplot.css", entry: "node_modules/uplot/dist/uPlot.min.css" },
];

/** A bundle's text and the packages it holds. */
const bundle = async ({ entry }) => {
  const result = await build({
    absWorkingDir: HERE,
    entryPoints: [entry],
    bundle: true,
    charset: "utf8",
    format: "esm",
    legalComments: "none",
    metafile: true,
    minify: true,
    target: "es2022",
    write: false,
  });
  const packages = Object.keys(result.metafile.inputs)
    .map((path) => path.match(/^node_modules\/((?:@[^/]+\/)?[^/]+)\//)?.[1])
    .filter(Boolean);
  return { text: result.outputFiles[0].text, packages };
};

/** The packages' licences; those with the same text stand together. */
const licences = async (packages) => {
  const byText = new Map();
  for (const name of packages) {
    const folder = join(HERE, "node_modules", name);
    const { license, version } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
    const text = (await readFile(join(folder, "LICENSE"), "utf8")).replaceAll("\r\n", "\n").trim();
    byText.set(text, [...(byText.get(text) ?? []), `${name} ${version} (${license})`]);
  }
  return [...byText].map(([text, names]) => `${names.join("\n")}\n\n${text}\n`).join(`\n${"-".repeat(80)}\n\n`);
};

const hash = (text) => createHash("sha256").update(text).digest("hex");

/** Every file to be written, by its path from the root. */
export const files = async () => {
  const made = new Map();
  const packages = new Set(["lucide-static"]);
  for (const one of BUNDLES) {
    const { text, packages: held } = await bundle(one);
    made.set(`${FOLDER}/${one.out}`, text);
    held.forEach((name) => packages.add(name));
  }
  made.set(`${FOLDER}/LICENSES.txt`, await licences([...packages].sort()));
  const sums = [...made].map(([path, text]) => `${hash(text)}  ${path.slice(FOLDER.length + 1)}\n`).sort();
  made.set(`${FOLDER}/SHA256SUMS`, sums.join(""));
  made.set("templates/part/icon.html", await icons(join(HERE, "node_modules/lucide-static/icons")));
  return made;
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await mkdir(join(ROOT, FOLDER), { recursive: true });
  for (const [path, text] of await files()) await writeFile(join(ROOT, path), text);
}
