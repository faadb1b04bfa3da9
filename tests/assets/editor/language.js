// The languages the pages edit.

import { json } from "@codemirror/lang-json";
import { yaml } from "@codemirror/lang-yaml";
import { rhai } from "./rhai.js";

const LANGUAGES = { yaml, json, rhai: () => rhai, text: () => [] };

/** What colours and folds `name`: `yaml`, `json`, `rhai` or `text`. */
export const language = (name = "text") => {
  const known = LANGUAGES[name];
  if (!known) throw new TypeError(`expected a language of ${Object.keys(LANGUAGES).join(", ")}, found \`${name}\``);
  return known();
};
