// Problems: asked for while one types, drawn in the text, and told to the page, which lists them in words.

import { forEachDiagnostic, linter, lintGutter, nextDiagnostic, previousDiagnostic, setDiagnostics } from "@codemirror/lint";
import { EditorView, keymap } from "@codemirror/view";
import { toPlace, toPosition } from "./place.js";

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

// The editor's own panel of problems has buttons inside of options, which no screen reader can use: the list is ours.
const keys = [{ key: "F8", run: nextDiagnostic, shift: previousDiagnostic }];

const button = (words, run) => {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "plain";
  made.textContent = words;
  made.addEventListener("click", run);
  return made;
};

const entry = (view, diagnostic, from, to) => {
  const { line, column } = toPlace(view.state.doc, from);
  const goTo = () => {
    view.dispatch({ selection: { anchor: from, head: to }, scrollIntoView: true });
    view.focus();
  };
  const code = document.createElement("code");
  code.textContent = diagnostic.source ?? "";
  const fixes = (diagnostic.actions ?? []).map(({ name, apply }) => button(name, () => {
    apply(view, from, to);
    view.focus();
  }));
  const item = document.createElement("li");
  item.className = `problem-${diagnostic.severity}`;
  item.append(button(`Line ${line}, column ${column}`, goTo), ` ${diagnostic.severity} `, code, ` ${diagnostic.message} `, ...fixes);
  return item;
};

const list = (view, element) => {
  const items = [];
  forEachDiagnostic(view.state, (diagnostic, from, to) => items.push(entry(view, diagnostic, from, to)));
  element.replaceChildren(...items);
  element.hidden = !items.length;
};

/**
 * Asks `lint(text)` for problems `delay` milliseconds after the last change, and lists in `element`, an `ol` of the page,
 * all that are shown: each with a button that goes there and one for each fix. An answer to an older text is not shown.
 * @param {(text: string) => Problem[] | Promise<Problem[]>} [lint]
 * @param {HTMLOListElement} [element]
 */
export const problems = (lint, element, delay = 300) => [
  lintGutter(),
  keymap.of(keys),
  lint ? linter(async (view) => {
    const { doc } = view.state;
    return (await lint(doc.toString())).map((problem) => toDiagnostic(doc, problem));
  }, { delay }) : [],
  element ? EditorView.updateListener.of(({ view, transactions, docChanged }) => {
    if (docChanged || transactions.some((one) => one.effects.length)) list(view, element);
  }) : [],
];

/** Shows these problems now, in place of those shown. */
export const show = (view, problems) =>
  view.dispatch(setDiagnostics(view.state, problems.map((problem) => toDiagnostic(view.state.doc, problem))));
