// Times say how long ago, and keep saying it while time goes on; the exact one is in the title and, for whoever uses the
// keyboard, beside what has the focus. The server writes both, so nothing jumps when this script comes.

import "./vendor/relative-time.js";

const HOLDERS = "a[href], button, summary";

// A time that a page wrote plainly gets the form that the template's macro writes.
const relate = (time) => {
  const at = time.getAttribute("datetime");
  if (!Number.isNaN(Date.parse(at)) && !time.querySelector("relative-time")) {
    const exact = new Date(at).toISOString().slice(0, 19).replace("T", " ");
    const ago = document.createElement("relative-time");
    ago.setAttribute("datetime", at);
    ago.setAttribute("format", "relative");
    ago.setAttribute("no-title", "");
    ago.textContent = exact;
    const hidden = document.createElement("span");
    hidden.className = "exact";
    hidden.textContent = exact;
    time.title ||= `${exact} UTC`;
    time.replaceChildren(ago, hidden);
  }
  // Inside a link or a button the time is shown when that has the focus.
  if (!time.closest(HOLDERS)) time.tabIndex = 0;
};

const relateAll = (root) => root.querySelectorAll("time[datetime]").forEach(relate);

const note = document.createElement("p");
note.className = "exact-note";
note.id = "exact-note";
note.role = "tooltip";
note.popover = "manual";
document.body.append(note);

let shown = null;

const place = () => {
  const { left, bottom, top } = shown.time.getBoundingClientRect();
  const { width, height } = note.getBoundingClientRect();
  const isRoomBelow = bottom + 4 + height <= innerHeight;
  note.style.left = `${Math.max(4, Math.min(left, innerWidth - width - 4))}px`;
  note.style.top = `${isRoomBelow ? bottom + 4 : Math.max(4, top - height - 4)}px`;
};

const hide = () => {
  note.hidePopover();
  shown?.focused.removeAttribute("aria-describedby");
  shown = null;
};

document.addEventListener("focusin", ({ target }) => {
  if (!target.matches(":focus-visible") || target.hasAttribute("aria-describedby")) return;
  const time = target.matches("time") ? target : target.matches(HOLDERS) && target.querySelector("time");
  if (!time?.title) return;
  shown = { time, focused: target };
  note.textContent = time.title;
  note.showPopover();
  target.setAttribute("aria-describedby", note.id);
  place();
});
document.addEventListener("focusout", () => shown && hide());
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && shown) hide();
});
addEventListener("scroll", () => shown && place(), { passive: true, capture: true });

relateAll(document);
new MutationObserver((changes) => {
  for (const { addedNodes } of changes) {
    for (const node of addedNodes) if (node instanceof Element && !node.closest("time")) relateAll(node.parentElement ?? node);
  }
}).observe(document.querySelector("main"), { childList: true, subtree: true });
