// How the editor looks: only with the page's own variables, which reach into its shadow tree, so that it follows light,
// dark and density without knowing them.

import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { EditorView } from "@codemirror/view";
import { tags as t } from "@lezer/highlight";

const frame = EditorView.theme({
  "&": {
    color: "var(--text)",
    backgroundColor: "var(--surface)",
    border: "1px solid var(--edge)",
    borderRadius: "var(--round)",
    fontSize: "var(--size-small)",
    height: "100%",
    overflow: "hidden",
  },
  "&.cm-focused": { outline: "2px solid var(--focus)", outlineOffset: "1px" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.55", fontVariantLigatures: "none" },
  ".cm-content": { caretColor: "var(--text)", padding: "var(--space-2) 0" },
  ".cm-cursor, .cm-dropCursor": { borderLeftColor: "var(--text)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "var(--select)",
  },
  ".cm-gutters": { color: "var(--muted)", backgroundColor: "var(--sunken)", borderRight: "1px solid var(--line)" },
  ".cm-activeLine": { backgroundColor: "transparent" },
  "&.cm-focused .cm-activeLine": { backgroundColor: "var(--row-hover)" },
  ".cm-activeLineGutter": { color: "var(--text)", backgroundColor: "transparent" },
  ".cm-matchingBracket, &.cm-focused .cm-matchingBracket": { backgroundColor: "var(--accent-soft)", outline: "1px solid var(--accent)" },
  ".cm-foldPlaceholder": { color: "var(--muted)", backgroundColor: "var(--sunken)", border: "1px solid var(--line)" },
  ".cm-searchMatch": { backgroundColor: "var(--mark)", outline: "1px solid var(--edge)" },
  ".cm-searchMatch-selected": { backgroundColor: "var(--mark)", outline: "2px solid var(--focus)" },
  ".cm-selectionMatch": { backgroundColor: "var(--accent-soft)" },
  ".cm-panels": { color: "var(--text)", backgroundColor: "var(--sunken)", borderColor: "var(--line)" },
  ".cm-panels-top": { borderBottom: "1px solid var(--line)" },
  ".cm-panels-bottom": { borderTop: "1px solid var(--line)" },
  ".cm-panel.cm-search": { padding: "var(--space-2)" },
  ".cm-panel.cm-search [name=close]": { minWidth: "1.5rem", minHeight: "1.5rem", color: "inherit" },
  ".cm-textfield": { font: "inherit", color: "inherit", backgroundColor: "var(--surface)", border: "1px solid var(--edge)", borderRadius: "var(--round)", minHeight: "1.75rem" },
  ".cm-button": { font: "inherit", color: "var(--accent)", background: "var(--surface)", border: "1px solid var(--edge)", borderRadius: "var(--round)", minHeight: "1.75rem" },
  ".cm-tooltip": { color: "var(--text)", backgroundColor: "var(--raised)", border: "1px solid var(--edge)", borderRadius: "var(--round)", boxShadow: "var(--shadow-2)" },
  ".cm-tooltip-autocomplete > ul": { fontFamily: "var(--mono)", fontSize: "var(--size-small)" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": { padding: "0 var(--space-2)", lineHeight: "1.75rem" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]": { color: "var(--on-accent)", backgroundColor: "var(--accent)" },
  ".cm-completionDetail": { fontStyle: "normal", opacity: "0.8" },
  ".cm-completionInfo": { maxWidth: "26rem", padding: "var(--space-2) var(--space-3)", whiteSpace: "pre-line" },
  ".cm-diagnostic": { padding: "var(--space-2) var(--space-3)", borderLeft: "3px solid var(--calm)", whiteSpace: "pre-line" },
  ".cm-diagnosticSource": { fontSize: "var(--size-tiny)", opacity: "1", color: "var(--muted)" },
  ".cm-diagnostic-error": { borderLeftColor: "var(--bad)" },
  ".cm-diagnostic-warning": { borderLeftColor: "var(--wait)" },
  ".cm-diagnosticAction": { font: "inherit", color: "var(--on-accent)", backgroundColor: "var(--accent)", minHeight: "1.5rem", borderRadius: "var(--round)" },
  ".cm-lintRange-error": { backgroundImage: "none", textDecoration: "underline wavy var(--bad)", textUnderlineOffset: "0.2em" },
  ".cm-lintRange-warning": { backgroundImage: "none", textDecoration: "underline wavy var(--wait)", textUnderlineOffset: "0.2em" },
  ".cm-lintRange-info": { backgroundImage: "none", textDecoration: "underline dotted var(--calm)", textUnderlineOffset: "0.2em" },
  ".cm-changedLine": { backgroundColor: "var(--good-soft)" },
  "&.cm-merge-a .cm-changedLine, .cm-deletedChunk": { backgroundColor: "var(--bad-soft)" },
  "&.cm-merge-a .cm-changedText, .cm-deletedChunk .cm-deletedText": { background: "none", textDecoration: "underline 2px var(--bad)" },
  "&.cm-merge-b .cm-changedText": { background: "none", textDecoration: "underline 2px var(--good)" },
  ".cm-collapsedLines": { color: "var(--muted)", background: "var(--sunken)", padding: "var(--space-1) var(--space-3)" },
});

const colours = HighlightStyle.define([
  { tag: [t.propertyName, t.definition(t.propertyName)], color: "var(--code-key)" },
  { tag: [t.string, t.character, t.special(t.string), t.regexp], color: "var(--code-string)" },
  { tag: [t.number], color: "var(--code-number)" },
  { tag: [t.keyword, t.bool, t.null, t.atom, t.typeName, t.labelName], color: "var(--code-word)" },
  { tag: [t.comment, t.lineComment, t.blockComment, t.meta], color: "var(--muted)", fontStyle: "italic" },
  { tag: [t.function(t.variableName)], color: "var(--accent)" },
  { tag: [t.punctuation, t.operator, t.separator, t.bracket, t.brace], color: "var(--muted)" },
  { tag: [t.invalid], color: "var(--bad)", textDecoration: "underline wavy" },
]);

export const look = [frame, syntaxHighlighting(colours)];
