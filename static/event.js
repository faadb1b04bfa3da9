// The panes of a result. Pointing at a field, by mouse or keyboard, lights up everything that belongs together with it: the
// source in the event, the field in the record, its row, the rule and its line. Where there is room for one pane only, the
// chosen one stays chosen when the result is replaced; without this script the address alone chooses it.

const result = document.getElementById("result");

/** The elements that belong together with what an event of the page is about. */
const together = (event) => {
  const holder = event.target.closest?.("[data-lights]");
  return (holder?.dataset.lights ?? "").split(" ").map((id) => document.getElementById(id)).filter(Boolean);
};

/** Lights up and puts out. Only the newest pointing counts, so nothing stays lit behind it. */
const light = (event) => {
  for (const lit of result.querySelectorAll(".lit")) lit.classList.remove("lit");
  for (const one of together(event)) {
    one.classList.add("lit");
    // A line inside of what is folded is told by what folds it.
    one.closest("details:not([open])")?.closest("li, section")?.classList.add("lit");
  }
};

/** Says which tab is chosen, also of a result that has just come. */
const markTab = () => {
  for (const link of result.querySelectorAll(".tabs a")) {
    if (link.hash === `#pane-${result.dataset.pane}`) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
};

/** Chooses the pane that holds the element with this id, and unfolds what it stands in. */
const choose = (id) => {
  const goal = id && document.getElementById(id);
  const pane = goal?.closest?.(".pane");
  if (!pane || pane.parentElement.classList.contains("stacked")) return;
  result.dataset.pane = pane.id.replace("pane-", "");
  markTab();
  for (let one = goal.closest("details"); one; one = one.parentElement.closest("details")) one.open = true;
  // A key is what one reads on from; a pane keeps the place on the page.
  if (goal !== pane) (goal.querySelector(":scope > a.k") ?? goal.querySelector("a[href]"))?.focus({ preventScroll: true });
  if (goal !== pane) goal.scrollIntoView({ block: "nearest" });
};

if (result) {
  for (const kind of ["pointerover", "focusin"]) result.addEventListener(kind, light);
  result.addEventListener("pointerleave", light);
  const here = () => decodeURIComponent(location.hash.slice(1));
  addEventListener("hashchange", () => choose(here()));
  // The same link twice changes no address.
  result.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (link && link.hash === location.hash) choose(here());
  });
  new MutationObserver(markTab).observe(result, { childList: true });
  choose(here());
}
