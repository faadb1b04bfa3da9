// j and k walk through the rows of what is marked `data-list`: an `ol`, `ul` or `table`. Enter is the link's own.

const isShown = (element) => element.checkVisibility?.() ?? element.getClientRects().length > 0;

// A row is gone to by its first link or button, or by what is marked `data-item` in it.
const items = (list) => [...list.querySelectorAll(":scope > li, :scope > tbody > tr")]
  .map((row) => row.querySelector("[data-item]") ?? row.querySelector("a[href], summary, button"))
  .filter((item) => item && isShown(item));

const lists = () => [...document.querySelectorAll("main [data-list]")].filter(isShown);

/** Moves the focus `by` rows, within the list that has it, or into the page's first. */
export const move = (by) => {
  const focused = document.activeElement;
  const list = lists().find((one) => one.contains(focused)) ?? lists()[0];
  if (!list) return;
  const all = items(list);
  const row = focused.closest("li, tr");
  const at = all.findIndex((item) => item === focused || (row && list.contains(row) && row.contains(item)));
  // From outside, j begins at the first row and k at the last.
  const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : at + by];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
};
