// The editor of the console's pages, under names of our own, so that pages do not depend on what it is made of.
export { mountEditor } from "./edit.js";
export { mountMerge } from "./merge.js";
