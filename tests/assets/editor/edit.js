// One text to edit. It stands in a shadow tree, whose style sheets a strict content security policy lets it have.

import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { bracketMatching, foldGutter, foldKeymap, indentOnInput, indentUnit } from "@codemirror/language";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { EditorState } from "@codemirror/state";
import {
  EditorView, drawSelection, dropCursor, highlightActiveLine, highlightActiveLineGutter, highlightSpecialChars, keymap,
  lineNumbers, rectangularSelection,
} from "@codemirror/view";
import { completion } from "./complete.js";
import { language } from "./language.js";
import { problems, show } from "./lint.js";
import { look } from "./look.js";
import { toPlace, toPosition } from "./place.js";

// Ctrl+Enter belongs to the page, which runs or submits with it. Tab leaves the editor, so that nobody is caught in it.
const keys = defaultKeymap.filter((one) => one.key !== "Mod-Enter");

/** What every editor has, whether it stands alone or beside another. */
export const common = ({ label, language: name, readOnly = false, wrap = false, onChange }) => [
  lineNumbers(),
  foldGutter(),
  highlightSpecialChars(),
  drawSelection(),
  dropCursor(),
  rectangularSelection(),
  EditorState.allowMultipleSelections.of(true),
  indentUnit.of("  "),
  bracketMatching(),
  highlightSelectionMatches(),
  search({ top: true }),
  keymap.of([...keys, ...searchKeymap, ...foldKeymap]),
  // A place to stop at by Tab says so itself, because not everything that looks at a page knows that one can type here.
  EditorView.contentAttributes.of({
    "aria-label": label, tabindex: "0", spellcheck: "false", autocorrect: "off", autocapitalize: "off",
  }),
  // What is only read still takes the focus, so that it can be read and copied by keyboard.
  EditorState.readOnly.of(readOnly),
  wrap ? EditorView.lineWrapping : [],
  onChange ? EditorView.updateListener.of((update) => update.docChanged && onChange(update.state.doc.toString())) : [],
  language(name),
  look,
];

/** Where an editor stands: an element with a shadow tree, put where `place` puts it. */
export const shadow = (name, place) => {
  const host = document.createElement("div");
  host.className = name;
  place(host);
  return { host, root: host.attachShadow({ mode: "open" }) };
};

/**
 * Puts an editor at the end of `parent`, or right after a `textarea`.
 *
 * Over a `textarea` it takes the text, the label and whether it is read only from there, hides it, and writes every
 * change back, so that the form posts what is seen; without scripts the textarea is what one types in.
 *
 * @param {object} options
 * @param {Element} [options.parent]
 * @param {HTMLTextAreaElement} [options.textarea]
 * @param {string} [options.doc]
 * @param {"yaml" | "json" | "rhai" | "text"} [options.language]
 * @param {string} [options.label] what a screen reader calls it; needed unless the textarea has one
 * @param {(text: string) => import("./lint.js").Problem[] | Promise<import("./lint.js").Problem[]>} [options.lint]
 * @param {HTMLOListElement} [options.problemList] where the page wants the problems listed in words
 * @param {(question: import("./complete.js").Question) => import("./complete.js").Offer} [options.complete]
 * @param {boolean} [options.readOnly]
 * @param {boolean} [options.wrap] whether long lines are broken
 * @param {(text: string) => void} [options.onChange]
 */
export const mountEditor = ({ parent, textarea, lint, problemList, complete, ...rest }) => {
  const label = rest.label ?? textarea?.labels?.[0]?.textContent.trim();
  if (!label) throw new TypeError("expected a label for the editor");
  const readOnly = rest.readOnly ?? textarea?.readOnly ?? false;
  const onChange = (text) => {
    if (textarea) {
      textarea.value = text;
      textarea.dispatchEvent(new Event("input", { bubbles: true }));
    }
    rest.onChange?.(text);
  };
  const { host, root } = shadow("code-editor", (host) => (parent ? parent.append(host) : textarea.after(host)));
  const view = new EditorView({
    root,
    parent: root,
    doc: rest.doc ?? textarea?.value ?? "",
    extensions: [
      history(),
      keymap.of(historyKeymap),
      indentOnInput(),
      highlightActiveLine(),
      highlightActiveLineGutter(),
      completion(complete),
      problems(lint, problemList),
      common({ ...rest, label, readOnly, onChange }),
    ],
  });
  return handle({ view, host, textarea });
};

const handle = ({ view, host, textarea }) => {
  if (textarea) {
    textarea.hidden = true;
    textarea.labels?.[0]?.addEventListener("click", () => view.focus());
  }
  return {
    host,
    get text() { return view.state.doc.toString(); },
    set text(text) { view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } }); },
    get cursor() { return toPlace(view.state.doc, view.state.selection.main.head); },
    focus: () => view.focus(),
    /** Shows these problems in place of those shown; for pages that ask their server in their own time. */
    show: (list) => show(view, list),
    /** Puts the cursor to a place, in sight, and the focus into the editor. */
    goTo: (from, to) => {
      const { doc } = view.state;
      const anchor = toPosition(doc, from, 0);
      view.dispatch({ selection: { anchor, head: toPosition(doc, to, anchor) }, effects: EditorView.scrollIntoView(anchor, { y: "center" }) });
      view.focus();
    },
    destroy: () => {
      view.destroy();
      host.remove();
      if (textarea) textarea.hidden = false;
    },
  };
};
