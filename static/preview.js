// Previews while typing. Without this script the form posts and the page comes back with the result.
"use strict";

const DEBOUNCE = 250;

const form = document.querySelector("form[data-preview]");
const field = form.querySelector("textarea");
const result = document.getElementById(form.dataset.preview);
const status = document.getElementById("status");
let timer = 0;
let newest = 0;
let shown = field.value;
let running = null;

form.querySelectorAll("[data-live]").forEach((hint) => { hint.hidden = false; });

const say = (text) => { status.textContent = text; };

// A result that is not of what stands in the field says so, until the one that is has come.
const mark = () => {
  const stale = field.value !== shown;
  result.classList.toggle("stale", stale);
  result.setAttribute("aria-busy", String(stale));
};

// Only the answer to the newest question is shown: an older one is cancelled, and not looked at should it come after all.
const ask = async () => {
  clearTimeout(timer);
  const mine = ++newest;
  const text = field.value;
  mark();
  running?.abort();
  running = new AbortController();
  result.classList.add("busy");
  try {
    const answer = await fetch(form.action, {
      method: "POST",
      body: new URLSearchParams(new FormData(form)),
      headers: { "X-Tapline-Fragment": "1" },
      redirect: "error",
      signal: running.signal,
    });
    const fragment = answer.ok ? await answer.text() : null;
    if (mine !== newest) return;
    if (fragment === null) throw new Error(`status ${answer.status}`);
    const page = new DOMParser().parseFromString(fragment, "text/html");
    const unfolded = foldings(result);
    result.replaceChildren(...page.body.childNodes);
    refold(result, unfolded);
    shown = text;
    mark();
    say(result.querySelector("[data-status]")?.dataset.status ?? "");
  } catch (error) {
    if (error.name === "AbortError" || mine !== newest) return;
    const problem = document.createElement("p");
    problem.className = "problem";
    problem.textContent = "The preview did not come, and below is an earlier one. Reload the page; you may have to sign in again.";
    result.querySelector(":scope > .problem")?.remove();
    result.prepend(problem);
    say(problem.textContent);
  } finally {
    if (mine === newest) result.classList.remove("busy");
  }
};

// What was unfolded or folded by hand stays so when the result is replaced.
const name = (details) => details.querySelector("summary").textContent.trim().split(/\s+/)[0];
const foldings = (root) => new Map([...root.querySelectorAll("details")].map((one) => [name(one), one.open]));
const refold = (root, before) => {
  for (const one of root.querySelectorAll("details")) {
    if (before.get(name(one))) one.open = true;
  }
};

field.addEventListener("input", () => {
  clearTimeout(timer);
  mark();
  // What was asked for a text that is gone is not waited for.
  if (field.value === shown) {
    newest++;
    running?.abort();
    result.classList.remove("busy");
    return;
  }
  timer = setTimeout(ask, DEBOUNCE);
});

form.querySelector("select")?.addEventListener("change", () => ask());

field.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    ask();
  }
});

form.addEventListener("submit", (event) => {
  // The button that sends the copy goes its own way.
  if (event.submitter?.hasAttribute("formaction")) return;
  event.preventDefault();
  ask();
});
