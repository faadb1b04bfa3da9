// Rhai, as its book describes it (rhai.rs/book/appendix): enough of its words to colour a script, not to check one.

import { StreamLanguage } from "@codemirror/language";

const words = (text) => new Set(text.split(" "));

const KEYWORDS = words(
  "let const fn private if else switch for in while loop do until break continue return throw try catch import export as " +
  "global this is_def_fn is_def_var is_shared eval call curry Fn type_of print debug",
);
const ATOMS = words("true false");
// Reserved, so that a script using them does not compile.
const RESERVED = words(
  "var static module package super new match case default void null nil enum struct class trait impl protected public " +
  "with where use goto exit go spawn thread sync async await yield",
);
const NUMBER = /^(?:0x[\da-f_]+|0o[0-7_]+|0b[01_]+|\d[\d_]*(?:\.\d[\d_]*)?(?:e[+-]?\d+)?)/i;
const OPERATOR = /^(?:\.\.=?|<<=?|>>=?|\*\*=?|=>|->|::|\?\?|\?[.[]|[=!<>+\-*/%&|^]=?|&&|\|\|)/;

const inComment = (stream, state) => {
  while (!stream.eol() && state.depth > 0) {
    if (stream.match("/*")) state.depth += 1;
    else if (stream.match("*/")) state.depth -= 1;
    else stream.next();
  }
  return "comment";
};

const inText = (stream, state) => {
  while (!stream.eol()) {
    const next = stream.next();
    if (next === "\\") stream.next();
    else if (next === state.quote) {
      state.quote = "";
      return "string";
    } else if (state.quote === "`" && next === "$" && stream.peek() === "{") {
      stream.backUp(1);
      // An interpolation is code again until its brace closes.
      state.nested.push(0);
      state.quote = "";
      return "string";
    }
  }
  // A string in double quotes goes on in the next line only after a backslash.
  if (state.quote !== "`" && !stream.string.endsWith("\\")) state.quote = "";
  return "string";
};

const interpolation = (stream, state) => {
  const last = state.nested.length - 1;
  if (last < 0) return false;
  if (stream.match("${")) {
    state.nested[last] += 1;
    return true;
  }
  if (stream.peek() === "{") state.nested[last] += 1;
  if (stream.peek() === "}" && --state.nested[last] === 0) {
    stream.next();
    state.nested.pop();
    state.quote = "`";
    return true;
  }
  return false;
};

const token = (stream, state) => {
  if (state.depth > 0) return inComment(stream, state);
  if (state.quote) return inText(stream, state);
  if (interpolation(stream, state)) return "brace";
  if (stream.eatSpace()) return null;
  if (stream.match("//")) {
    stream.skipToEnd();
    return "lineComment";
  }
  if (stream.match("/*")) {
    state.depth = 1;
    return inComment(stream, state);
  }
  if (stream.match(NUMBER)) return "number";
  if (stream.match(/^'(?:\\.[^']*|[^'\\])'/)) return "character";
  if (/["`]/.test(stream.peek())) {
    state.quote = stream.next();
    return inText(stream, state);
  }
  const word = stream.match(/^[\p{L}_$][\p{L}\p{N}_]*/u)?.[0];
  if (word) {
    if (KEYWORDS.has(word)) return "keyword";
    if (ATOMS.has(word)) return "bool";
    if (RESERVED.has(word)) return "invalid";
    return stream.match(/^\s*\(/, false) ? "variableName.function" : "variableName";
  }
  if (stream.match(OPERATOR)) return "operator";
  stream.next();
  return "punctuation";
};

export const rhai = StreamLanguage.define({
  name: "rhai",
  startState: () => ({ depth: 0, quote: "", nested: [] }),
  copyState: (state) => ({ ...state, nested: [...state.nested] }),
  token,
  languageData: { commentTokens: { line: "//", block: { open: "/*", close: "*/" } }, closeBrackets: { brackets: ["(", "[", "{", '"', "`"] } },
});
