// Which key does what. Single keys do nothing while one types or a dialog is open, and can be turned off (WCAG 2.1.4).

const SETTING = "tapline.single-keys";
const singles = new Map();
const combined = new Map();
const after = new Map();
let waiting = null;

/** Whether keys without Ctrl or ⌘ do anything; kept in this browser. */
export const singleKeys = {
  get on() { return localStorage.getItem(SETTING) !== "off"; },
  set on(on) { localStorage.setItem(SETTING, on ? "on" : "off"); },
};

/** `action` for a key alone. @param {string} key @param {(event: KeyboardEvent) => void} action */
export const bind = (key, action) => singles.set(key, action);

/** `action` for `key` right after `first`; `label` is said while the second key is awaited. */
export const bindAfter = (first, key, label, action) => {
  if (!after.has(first)) after.set(first, new Map());
  after.get(first).set(key, { label, action });
};

/** `action` for Ctrl, or ⌘, with a key; also while one types. */
export const whenCombined = (key, action) => combined.set(key.toLowerCase(), action);

const NOT_TYPED_INTO = new Set(["button", "checkbox", "color", "file", "image", "radio", "range", "reset", "submit"]);

// The path shows the element inside a shadow tree, which the event's target hides.
const isTyping = (event) => {
  const target = event.composedPath()[0];
  if (!(target instanceof Element)) return false;
  if (target instanceof HTMLInputElement) return !NOT_TYPED_INTO.has(target.type);
  return target.isContentEditable || target.matches("textarea, select, [role=textbox], [role=combobox]");
};

// Said to a screen reader, too, which only hears what changes in an element that was there before.
const hint = document.createElement("p");
hint.className = "hint-key";
hint.setAttribute("role", "status");
document.body.append(hint);

const wait = (first) => {
  waiting = after.get(first) ?? null;
  hint.textContent = waiting ? [`${first} …`, ...[...waiting].map(([key, { label }]) => `${key} ${label}`)].join("   ") : "";
};

const second = (event) => {
  const known = waiting.get(event.key);
  wait("");
  if (!known) return;
  event.preventDefault();
  known.action(event);
};

const single = (event) => {
  if (waiting) return second(event);
  const action = after.has(event.key) ? () => wait(event.key) : singles.get(event.key);
  if (!action) return;
  event.preventDefault();
  action(event);
};

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing || event.altKey) return;
  if (event.ctrlKey || event.metaKey) {
    const action = combined.get(event.key.toLowerCase());
    if (!action || event.shiftKey) return;
    event.preventDefault();
    action(event);
  } else if (!isTyping(event) && !document.querySelector("dialog:modal") && singleKeys.on && event.key !== "Shift") {
    single(event);
  }
});

// A key awaited in another window would be a surprise here.
addEventListener("blur", () => wait(""));
