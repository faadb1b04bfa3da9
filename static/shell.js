// What every page has: shortcuts, the palette, the list of shortcuts, copying, times. Pages work without all of it.

import { bind, bindAfter, singleKeys, whenCombined } from "./key.js";
import { move } from "./list.js";
import { remember } from "./recent.js";
import "./copy.js";

const dialog = (name) => document.getElementById(name);

// The palette is fetched when it is first wanted.
const open = async (name) => {
  const shown = dialog(name);
  if (!shown || shown.open) return;
  if (name === "palette") (await import("./palette.js")).prepare(shown);
  // The browser gives the focus back to where it was when a dialog closes.
  shown.showModal();
};

const togglePalette = () => {
  const palette = dialog("palette");
  if (palette?.open) palette.close();
  else open("palette");
};

document.addEventListener("click", (event) => {
  const opener = event.target.closest?.("[data-opens]");
  if (opener) return open(opener.dataset.opens);
  // A click on the backdrop is one on the dialog itself, beside everything in it.
  if (event.target.matches?.("dialog.dialog")) event.target.close();
});

const search = () => {
  const field = document.querySelector(
    "main [data-search], main input[type=search], main [role=search] input:not([type=hidden])",
  );
  if (!field) return open("palette");
  field.focus();
  field.select?.();
};

const up = () => {
  const link = document.querySelector("main [data-up], main .crumbs a");
  const parent = location.pathname.replace(/\/[^/]+\/?$/, "");
  if (link) link.click();
  else if (parent) location.assign(parent);
};

// The form that holds the focus, wherever in a shadow tree that is; otherwise what the page runs.
const submit = (event) => {
  const form = event.composedPath().find((one) => one instanceof HTMLFormElement);
  if (form && form.method !== "dialog") return form.requestSubmit(form.querySelector("[data-run]"));
  document.querySelector("main [data-run]")?.click();
};

bind("?", () => open("help"));
bind("/", search);
bind("u", up);
bind("j", () => move(1));
bind("k", () => move(-1));
for (const link of document.querySelectorAll("[data-key]")) {
  bindAfter("g", link.dataset.key, link.textContent.trim(), () => link.click());
}
whenCombined("k", togglePalette);
whenCombined("Enter", submit);

const shortcuts = document.getElementById("single-keys");
if (shortcuts) {
  shortcuts.checked = singleKeys.on;
  shortcuts.addEventListener("change", () => { singleKeys.on = shortcuts.checked; });
}
if (/Mac|iP(hone|ad)/.test(navigator.platform)) {
  for (const key of document.querySelectorAll("kbd")) key.textContent = key.textContent.replace("Ctrl", "⌘");
}
remember();
if (document.querySelector("time")) import("./time.js");
