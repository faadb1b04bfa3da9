// Places in a text, as servers say them and as the editor counts them.

/**
 * @typedef {{line: number, column: number}} Place both from 1; a column counts characters, as a person does
 */

/**
 * The editor's own position of a place; places outside the text are moved to its nearest end.
 * @param {import("@codemirror/state").Text} doc
 * @param {Place | number | undefined} place
 * @param {number} otherwise where there is none
 */
export const toPosition = (doc, place, otherwise) => {
  if (place === undefined || place === null) return otherwise;
  if (typeof place === "number") return Math.min(Math.max(place, 0), doc.length);
  const line = doc.line(Math.min(Math.max(place.line, 1), doc.lines));
  // What the editor counts are UTF-16 units, of which a character may take two.
  const before = [...line.text].slice(0, Math.max(place.column - 1, 0)).join("");
  return line.from + before.length;
};

/** The place of a position. */
export const toPlace = (doc, position) => {
  const line = doc.lineAt(position);
  return { line: line.number, column: [...line.text.slice(0, position - line.from)].length + 1 };
};
