// An editor over each file of the candidate: keys are offered by the schema, and the server's own check runs while one types.
// The textareas stay what is posted; without this script one types in them.

import { offer } from "./rules_schema.js";

const DELAY = 400;

const form = document.getElementById("candidate");
const verdict = document.getElementById("verdict");
const status = document.getElementById("status");
/** @type {Map<string, {field: HTMLTextAreaElement, editor: any}>} */
const editors = new Map();
const schemas = {};
let timer = 0;
let newest = 0;

/** The schema of a file; none of scripts. */
const schemaOf = async (path) => {
  if (path.endsWith(".rhai")) return null;
  const name = path === "tapline.yaml" ? "entry" : "pack";
  schemas[name] ??= fetch(`/schema/draft-07/${name}.json`).then((answer) => (answer.ok ? answer.json() : null));
  return schemas[name];
};

/** The problems that the server has listed, by file. */
const listed = () => {
  const found = new Map([...editors.keys()].map((path) => [path, []]));
  for (const line of verdict.querySelectorAll("[data-line]")) {
    const { file, severity, code, message, fix } = line.dataset;
    const from = { line: Number(line.dataset.line), column: Number(line.dataset.column) };
    const to = line.dataset.endLine ? { line: Number(line.dataset.endLine), column: Number(line.dataset.endColumn) } : undefined;
    const fixes = fix ? [{ label: `Write ${fix}`, insert: fix }] : [];
    found.get(file)?.push({ from, to, severity, code, message, fixes });
  }
  return found;
};

const show = () => listed().forEach((problems, path) => editors.get(path)?.editor?.show(problems));

// Only the answer to the newest text is shown.
const check = async () => {
  const mine = ++newest;
  const body = new URLSearchParams(new FormData(form));
  body.set("action", "check");
  try {
    // The form's own `action` is hidden by the buttons of that name.
    const answer = await fetch(form.getAttribute("action"), { method: "POST", body, headers: { "X-Tapline-Fragment": "1" }, redirect: "error" });
    const text = answer.ok ? await answer.text() : null;
    if (mine !== newest || text === null) return;
    const page = new DOMParser().parseFromString(text, "text/html");
    verdict.replaceChildren(...page.body.childNodes);
    status.textContent = verdict.querySelector("h2")?.textContent ?? "";
    show();
  } catch {
    // The next change asks again, and the buttons do without this script.
  }
};

const later = () => {
  clearTimeout(timer);
  timer = setTimeout(check, DELAY);
};

const mount = async (field) => {
  const path = field.dataset.file;
  if (editors.has(path)) return;
  editors.set(path, { field, editor: null });
  const [{ mountEditor }, schema] = await Promise.all([import("./vendor/editor.js"), schemaOf(path)]);
  const editor = mountEditor({
    textarea: field,
    language: path.endsWith(".rhai") ? "rhai" : "yaml",
    label: `Text of ${path}`,
    complete: schema ? (question) => offer(schema, question) : undefined,
    onChange: later,
  });
  editors.set(path, { field, editor });
  const found = listed().get(path) ?? [];
  if (found.length) editor.show(found);
};

/** Where an editor stands, a link leads into it; else into the textarea. */
export const goTo = (path, line, column) => {
  const editor = editors.get(path)?.editor;
  editor?.goTo({ line, column });
  return Boolean(editor);
};

/** Puts another text into a file. */
export const put = (field, text) => {
  const editor = editors.get(field.dataset.file)?.editor;
  if (editor) editor.text = text;
  else field.value = text;
};

// A file gets its editor when it is unfolded: what is folded costs nothing.
for (const details of form.querySelectorAll("details.edited-file")) {
  const field = details.querySelector("textarea[data-file]");
  if (!field) continue;
  if (details.open) mount(field);
  details.addEventListener("toggle", () => details.open && mount(field));
}
