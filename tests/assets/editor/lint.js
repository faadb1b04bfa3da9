// Problems: asked for while one types, drawn in the text, and told to the page, which lists them in words.

import { linter, lintGutter, lintKeymap, setDiagnostics } from "@codemirror/lint";
import { keymap } from "@codemirror/view";
import { toPosition } from "./place.js";

/**
 * @typedef {object} Problem
 * @property {import("./place.js").Place | number} from
 * @property {import("./place.js").Place | number} [to] one character after `from` where there is none
 * @property {"error" | "warning" | "info"} [severity] an error where there is none
 * @property {string} message
 * @property {string} [code] said before the message
 * @property {{label: string, insert: string, from?: Problem["from"], to?: Problem["to"]}[]} [fixes]
 */

const action = (doc, problem, span) => ({ label, insert, from, to }) => ({
  name: label,
  apply: (view) => view.dispatch({
    changes: { from: toPosition(doc, from, span.from), to: toPosition(doc, to, span.to), insert },
    userEvent: "input.fix",
  }),
});

/** @param {import("@codemirror/state").Text} doc @param {Problem} problem */
const toDiagnostic = (doc, problem) => {
  const from = toPosition(doc, problem.from, 0);
  const to = Math.max(toPosition(doc, problem.to, Math.min(from + 1, doc.length)), from);
  return {
    from,
    to,
    severity: problem.severity ?? "error",
    message: problem.message,
    source: problem.code,
    actions: problem.fixes?.map(action(doc, problem, { from, to })),
  };
};

/**
 * Asks `lint(text)` for problems `delay` milliseconds after the last change; an answer to an older text is not shown.
 * @param {(text: string) => Problem[] | Promise<Problem[]>} [lint]
 */
export const problems = (lint, delay = 300) => [
  lintGutter(),
  keymap.of(lintKeymap),
  lint ? linter(async (view) => {
    const { doc } = view.state;
    return (await lint(doc.toString())).map((problem) => toDiagnostic(doc, problem));
  }, { delay }) : [],
];

/** Shows these problems now, in place of those shown. */
export const show = (view, list) =>
  view.dispatch(setDiagnostics(view.state, list.map((problem) => toDiagnostic(view.state.doc, problem))));
