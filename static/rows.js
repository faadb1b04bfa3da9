// The rows of the event list while it is live: a bounded number of them, newest first.

/** Rows kept in the page. Older ones fall off, and the link to older events leads to them. */
const MOST = 500;
/** Rows put into the page at once, so that the page answers in between. */
const AT_ONCE = 25;

/** An event's place in the log, which is its id's number. */
const placeOf = (id) => Number(id.slice(3));

/**
 * @typedef {{ id: string, html: string, matches?: boolean }} Message A row as the server renders it; `matches` says of a
 * change whether the filter still lets the event through.
 */

/** What came and is not in the page yet, and the rows that are. */
export class RowList {
  /** @param {Document} root The page. */
  constructor(root) {
    this.form = root.querySelector("[data-pick]");
    this.list = root.querySelector("[data-rows]");
    this.empty = root.querySelector("[data-empty]");
    this.older = root.querySelector("[data-older]");
    /** @type {Map<string, HTMLElement>} */
    this.rows = new Map([...this.list.children].map((row) => [row.dataset.id, row]));
    /** @type {Map<string, Message>} */
    this.waiting = new Map();
    /** Events that came since rows were last put into the page. */
    this.fresh = 0;
  }

  /**
   * Takes a message; nothing in the page moves.
   * @param {Message} message
   * @param {"event" | "change"} kind
   */
  put(message, kind) {
    const { id } = message;
    const isKnown = this.rows.has(id) || this.waiting.has(id);
    // What becomes of rows that have fallen off is seen where they are listed.
    if (kind === "change" && !isKnown) return;
    if (!isKnown) this.fresh += 1;
    this.waiting.set(id, message);
    if (this.waiting.size > 2 * MOST) this.#forget();
  }

  /** Whether something waits. */
  get isBehind() {
    return this.waiting.size > 0;
  }

  // The oldest that waits would only fall off again. What changes a row in the page is kept: there is one for each at most.
  #forget() {
    for (const id of this.waiting.keys()) {
      if (this.rows.has(id)) continue;
      this.waiting.delete(id);
      return;
    }
  }

  /** Puts some of what came into the page, the oldest first. */
  flush() {
    const came = [...this.waiting.values()].slice(0, AT_ONCE);
    for (const { id } of came) this.waiting.delete(id);
    came.sort((a, b) => placeOf(b.id) - placeOf(a.id));
    if (!came.length) return { added: 0, changed: 0 };
    const template = document.createElement("template");
    template.innerHTML = came.map((message) => message.html).join("");
    const made = [...template.content.children];
    const counts = { added: 0, changed: 0 };
    const added = [];
    came.forEach((message, index) => {
      const row = this.rows.get(message.id);
      if (row) {
        counts.changed += 1;
        this.#replace(row, made[index], message);
      } else if (message.matches !== false) {
        added.push(made[index]);
      }
    });
    counts.added = this.#insert(added);
    this.fresh = this.isBehind ? Math.max(0, this.fresh - counts.added) : 0;
    this.#trim();
    this.form.hidden = this.rows.size === 0;
    if (this.rows.size) this.empty?.remove();
    return counts;
  }

  #replace(row, made, { id, matches }) {
    const hadFocus = row.contains(document.activeElement) ? document.activeElement.localName : null;
    if (matches === false && !hadFocus) {
      this.rows.delete(id);
      row.remove();
      return;
    }
    made.querySelector("input").checked = row.querySelector("input").checked;
    row.replaceWith(made);
    this.rows.set(id, made);
    if (hadFocus) made.querySelector(hadFocus)?.focus();
  }

  // Both are newest first. One that is older than every row belongs to a page of its own, if there is one.
  #insert(added) {
    const hasOlder = !this.older.hidden;
    let count = 0;
    let before = this.list.firstElementChild;
    for (const row of added) {
      const place = placeOf(row.dataset.id);
      while (before && placeOf(before.dataset.id) > place) before = before.nextElementSibling;
      if (!before && hasOlder && this.rows.size) break;
      row.classList.add("is-new");
      this.list.insertBefore(row, before);
      this.rows.set(row.dataset.id, row);
      count += 1;
    }
    return count;
  }

  #trim() {
    let row = this.list.lastElementChild;
    let edge = null;
    while (row && this.rows.size > MOST) {
      const newer = row.previousElementSibling;
      // What somebody has selected or is at stays in sight.
      if (!row.contains(document.activeElement) && !row.querySelector(":checked")) {
        this.rows.delete(row.dataset.id);
        row.remove();
        edge = newer;
      }
      row = newer;
    }
    if (!edge) return;
    this.older.hidden = false;
    const link = this.older.querySelector("a");
    // Not from the last row: one that stays for its focus can be older than what has fallen off.
    link.href = this.older.dataset.older + edge.dataset.id;
    link.textContent = "Older events";
  }
}
