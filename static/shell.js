// What every page has: shortcuts, the palette, the list of shortcuts, copying, times. Pages work without all of it.

import { open, toggle } from "./dialog.js";
import { bind, bindAfter, whenCombined } from "./key.js";
import { move } from "./list.js";
import { remember } from "./recent.js";
import "./copy.js";

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
whenCombined("k", () => toggle("palette"));
whenCombined("Enter", submit);

remember();
if (document.querySelector("time")) import("./time.js");
