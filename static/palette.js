// The palette: pages, actions, reason codes, events by ID or name, and where one was last. Whatever it does is a link or a
// button that stands somewhere else, too.

import { matching } from "./match.js";
import { recent } from "./recent.js";

const MOST = 50;

let palette, input, list, count, shown = [], selected = 0, codes = null;

const words = (element) => element.textContent.replace(/\s+/g, " ").trim();
const go = (href) => () => location.assign(href);

const pages = () => [...document.querySelectorAll(".nav a")].map((link) => ({
  label: words(link), kind: "Page", run: go(link.href), icon: link.querySelector(".icon"),
}));

// A button is named by its own words, after those of the group it belongs to.
const actions = () => [...document.querySelectorAll("[data-action]")].map((button) => ({
  label: [button.dataset.action, words(button)].filter(Boolean).join(": "),
  kind: "Action",
  run: () => button.click(),
  icon: button.querySelector(".icon"),
}));

const sections = () => [...document.querySelectorAll("main h2[id]")].filter((one) => one.checkVisibility()).map((heading) => ({
  label: words(heading),
  kind: "On this page",
  run: () => {
    heading.tabIndex = -1;
    heading.focus();
    heading.scrollIntoView({ block: "start" });
  },
}));

// The page of reasons is the list of codes; without such a page a code still finds its events.
const fetchCodes = async (path) => {
  const answer = await fetch(path);
  if (!answer.ok) return [];
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const found = new Map();
  for (const link of page.querySelectorAll(`a[href^="${path}/"]`)) {
    const code = decodeURIComponent(link.getAttribute("href").slice(path.length + 1).split(/[?#]/)[0]);
    found.set(code, { label: code, kind: "Reason", run: go(`${path}/${encodeURIComponent(code)}`) });
  }
  return [...found.values()];
};

// What was typed may itself say where to go.
const typed = (text) => {
  const found = [];
  const id = text.match(/^(?:ev_?|#)?(\d+)$/i)?.[1];
  if (id) found.push({ label: `Event ev_${id}`, kind: "Event", run: go(`/events/ev_${id}`) });
  if (/^[a-z]+(_[a-z0-9]+)+$/.test(text)) {
    found.push({ label: `Events with the reason ${text}`, kind: "Search", run: go(`/events?code=${encodeURIComponent(text)}`) });
  }
  if (text && !id) {
    found.push({ label: `Events whose name contains “${text}”`, kind: "Search", run: go(`/events?name=${encodeURIComponent(text)}`) });
  }
  return found;
};

const candidates = (text) => {
  const last = recent().map(({ path, label }) => ({ label, kind: "Recent", run: go(path) }));
  if (!text) return [...last, ...pages(), ...sections(), ...actions()];
  const [ids, searches] = [typed(text).filter((one) => one.kind === "Event"), typed(text).filter((one) => one.kind !== "Event")];
  const all = [...pages(), ...last, ...sections(), ...actions(), ...(codes ?? [])];
  return [...ids, ...matching(text, all, (one) => one.label), ...searches];
};

const select = (at) => {
  selected = at;
  [...list.children].forEach((option, number) => option.setAttribute("aria-selected", String(number === at)));
  const option = list.children[at];
  if (option) input.setAttribute("aria-activedescendant", option.id);
  else input.removeAttribute("aria-activedescendant");
  option?.scrollIntoView({ block: "nearest" });
};

const draw = () => {
  shown = candidates(input.value.trim()).slice(0, MOST);
  list.replaceChildren(...shown.map(({ label, kind, icon }, number) => {
    const option = document.createElement("li");
    option.id = `palette-${number}`;
    option.setAttribute("role", "option");
    const [name, of] = [document.createElement("span"), document.createElement("span")];
    [name.className, of.className] = ["palette-label", "palette-kind"];
    [name.textContent, of.textContent] = [label, kind];
    if (icon) option.append(icon.cloneNode(true));
    option.append(name, " ", of);
    return option;
  }));
  count.textContent = shown.length ? "" : "Nothing matches.";
  select(0);
};

const choose = (at) => {
  const chosen = shown[at];
  if (!chosen) return;
  palette.close();
  chosen.run();
};

const steer = (event) => {
  const last = shown.length - 1;
  const next = {
    ArrowDown: selected < last ? selected + 1 : 0,
    ArrowUp: selected > 0 ? selected - 1 : last,
    PageDown: Math.min(selected + 8, last),
    PageUp: Math.max(selected - 8, 0),
  }[event.key];
  if (next !== undefined && last >= 0) {
    event.preventDefault();
    select(next);
  } else if (event.key === "Enter" && !event.isComposing && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    choose(selected);
  }
};

const mount = (dialog) => {
  palette = dialog;
  input = palette.querySelector("input");
  list = palette.querySelector("[role=listbox]");
  count = palette.querySelector("#palette-count");
  input.addEventListener("input", draw);
  input.addEventListener("keydown", steer);
  list.addEventListener("click", (event) => choose([...list.children].indexOf(event.target.closest("[role=option]"))));
};

/** Empties and fills the palette before it is shown. @param {HTMLDialogElement} dialog */
export const prepare = (dialog) => {
  if (!palette) mount(dialog);
  input.value = "";
  draw();
  const path = dialog.dataset.codes;
  if (path && !codes) {
    codes = [];
    fetchCodes(path).then((found) => {
      codes = found;
      if (dialog.open && input.value) draw();
    }).catch(() => { codes = null; });
  }
};
