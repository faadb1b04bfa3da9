// Completion: the page says what may stand at the cursor.

import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { keymap } from "@codemirror/view";
import { toPlace, toPosition } from "./place.js";

/**
 * @typedef {object} Question
 * @property {string} text the whole text
 * @property {number} position of the cursor, in UTF-16 units
 * @property {import("./place.js").Place} place the same as line and column
 * @property {string} before the line up to the cursor
 * @property {boolean} explicit whether it was asked for by keys
 *
 * @typedef {{label: string, insert?: string, detail?: string, info?: string, kind?: string}} Option
 * @typedef {{from?: number | import("./place.js").Place, options: Option[]} | null} Offer `from`: where the word began
 */

const source = (complete) => async (context) => {
  const { doc } = context.state;
  const line = doc.lineAt(context.pos);
  const offer = await complete({
    text: doc.toString(),
    position: context.pos,
    place: toPlace(doc, context.pos),
    before: line.text.slice(0, context.pos - line.from),
    explicit: context.explicit,
  });
  if (!offer || context.aborted) return null;
  const word = context.matchBefore(/[\p{L}\p{N}_.$-]*/u);
  return {
    from: toPosition(doc, offer.from, word?.from ?? context.pos),
    options: offer.options.map(({ label, insert, detail, info, kind }) => ({ label, apply: insert, detail, info, type: kind })),
    validFor: /^[\p{L}\p{N}_.$-]*$/u,
  };
};

/** @param {(question: Question) => Offer | Promise<Offer>} [complete] */
export const completion = (complete) => [
  autocompletion({ override: complete ? [source(complete)] : undefined, icons: false, activateOnTyping: Boolean(complete) }),
  closeBrackets(),
  keymap.of([...closeBracketsKeymap, ...completionKeymap]),
];
