// The icons of the console: a few of Lucide's, as one askama macro that puts them into a page as inline SVG.

import { readFile } from "node:fs/promises";
import { join } from "node:path";

// Our name for what is meant → Lucide's name for what is drawn. A page names the meaning.
const ICONS = {
  overview: "activity",
  events: "list",
  failures: "triangle-alert",
  rules: "git-compare-arrows",
  preview: "play",
  resends: "repeat-2",
  settings: "settings-2",
  reasons: "book-open",
  audit: "scroll-text",
  delivered: "circle-check",
  mapped: "circle-check",
  filtered: "filter",
  pending: "clock",
  failed: "circle-x",
  dead: "octagon-x",
  alarm: "triangle-alert",
  info: "info",
  good: "check",
  bad: "x",
  search: "search",
  help: "circle-help",
  menu: "menu",
  more: "chevron-down",
  next: "chevron-right",
  previous: "chevron-left",
  back: "arrow-left",
  forward: "arrow-right",
  external: "external-link",
  link: "link",
  copy: "copy",
  download: "download",
  upload: "upload",
  add: "plus",
  remove: "trash-2",
  edit: "pencil",
  pause: "pause",
  run: "play",
  reload: "refresh-cw",
  live: "radio",
  send: "send",
  user: "user",
  key: "key-round",
  secret: "lock",
  hidden: "eye-off",
  shown: "eye",
  empty: "inbox",
  script: "code",
  file: "file-code",
  compare: "git-compare",
  out: "log-out",
  system: "monitor",
  light: "sun",
  dark: "moon",
};

const HEAD = `{# Made by tests/assets/build.js from Lucide; do not edit. {% call icon::icon("search") %}{% endcall %} draws one. #}
{% macro icon(name) %}<svg class="icon" viewBox="0 0 24 24" width="16" height="16" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">{% match name.trim() %}
`;

/** The askama file; `folder` is where Lucide keeps its SVG files. */
export const icons = async (folder) => {
  const drawn = await Promise.all(Object.entries(ICONS).map(async ([name, file]) => {
    const svg = await readFile(join(folder, `${file}.svg`), "utf8");
    const shapes = svg.match(/<svg[^>]*>([\s\S]*)<\/svg>/)[1].replace(/\s*\n\s*/g, "").replaceAll(" />", "/>");
    return `{%- when "${name}" %}${shapes}`;
  }));
  return `${HEAD}${drawn.join("\n")}\n{%- when _ %}{% endmatch %}</svg>{% endmacro %}\n`;
};
