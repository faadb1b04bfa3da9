// Over the plain form: links of problems lead into the text, and files can be taken from this machine. Without this script
// the form checks and compares all the same.

import { goTo as goToInEditor, put } from "./rules_editor.js";

const form = document.getElementById("candidate");
const status = document.getElementById("status");
const fields = () => [...form.querySelectorAll("textarea[data-file]")];

/** Puts the caret at `file:line:column`. */
const goTo = (place) => {
  const [, file, line, column] = place.match(/^(.*):(\d+):(\d+)$/) ?? [];
  const field = fields().find((one) => one.dataset.file === file);
  if (!field) return false;
  field.closest("details").open = true;
  if (goToInEditor(file, Number(line), Number(column))) return true;
  const lines = field.value.split("\n");
  const before = lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0);
  // Columns count characters, and what a text is addressed by are half of some of them.
  const inside = [...(lines[line - 1] ?? "")].slice(0, column - 1).join("").length;
  field.focus();
  field.setSelectionRange(before + inside, before + (lines[line - 1] ?? "").length);
  const height = parseFloat(getComputedStyle(field).lineHeight);
  field.scrollTop = Math.max(0, (line - 4) * height);
  return true;
};

form.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-place]");
  if (link && goTo(link.dataset.place)) event.preventDefault();
});

// A file is taken for the one of the same name; what has no fellow becomes the new file.
const upload = form.querySelector("[data-upload]");
upload.hidden = false;
upload.querySelector("input").addEventListener("change", async (event) => {
  const taken = [];
  for (const file of event.target.files) {
    const text = await file.text();
    const fellow = fields().find((one) => one.dataset.file.split("/").pop() === file.name);
    const field = fellow ?? document.getElementById("new-text");
    if (!fellow) document.getElementById("new-path").value = file.name.endsWith(".rhai") ? `scripts/${file.name}` : `packs/${file.name}`;
    put(field, text);
    field.closest("details").open = true;
    taken.push(file.name);
  }
  status.textContent = `Taken: ${taken.join(", ")}.`;
});

// Leaving with edits asks first; posting them does not.
const edited = () => fields().some((one) => one.value !== one.defaultValue);
let posting = false;
form.addEventListener("submit", () => { posting = true; });
addEventListener("beforeunload", (event) => {
  if (!posting && edited()) event.preventDefault();
});
