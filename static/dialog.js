// The dialogs that every page can open: the palette and the list of shortcuts. They are made when one is first wanted.

import { singleKeys } from "./key.js";

const isApple = /Mac|iP(hone|ad)/.test(navigator.platform);

const make = () => {
  const source = document.getElementById("habit");
  if (!source) return;
  document.body.append(source.content.cloneNode(true));
  source.remove();
  const single = document.getElementById("single-keys");
  single.addEventListener("change", () => { singleKeys.on = single.checked; });
  if (!isApple) return;
  for (const key of document.querySelectorAll("dialog kbd")) key.textContent = key.textContent.replace("Ctrl", "⌘");
};

/** Shows `palette` or `help`; the browser gives the focus back to where it was when it is closed. */
export const open = async (name) => {
  make();
  const dialog = document.getElementById(name);
  if (!dialog || document.querySelector("dialog:modal")) return;
  if (name === "palette") (await import("./palette.js")).prepare(dialog);
  document.getElementById("single-keys").checked = singleKeys.on;
  if (!dialog.open) dialog.showModal();
};

/** Shows the palette, or closes it where it is shown. */
export const toggle = (name) => {
  const dialog = document.getElementById(name);
  if (dialog?.open) dialog.close();
  else open(name);
};

document.addEventListener("click", ({ target }) => {
  const opener = target.closest?.("[data-opens]");
  if (opener) open(opener.dataset.opens);
  // A click on the backdrop is one on the dialog itself, beside everything in it.
  if (target.matches?.("dialog.dialog")) target.close();
});

for (const key of isApple ? document.querySelectorAll(".bar kbd") : []) key.textContent = "⌘ K";
