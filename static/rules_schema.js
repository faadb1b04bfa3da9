// What may stand at a place of a rule file, by the schema that the server gives: keys with what they mean, and words.

/** @typedef {Record<string, any>} Schema */

/** Where a line of YAML stands: how deep, whether it begins an element of a list, its key and its value. */
const read = (line) => {
  const [, blanks, marks, key, value] = line.match(/^(\s*)((?:- +)*)(?:["']?([^\s:"'#][^:"'#]*?)["']?\s*:(?:\s+(.*))?)?/) ?? [];
  return { depth: blanks.length, inside: blanks.length + marks.length, items: marks.length / 2, key, value };
};

/**
 * The keys that lead to the cursor, outermost first, with `[]` for an element of a list.
 * @param {string[]} above the lines before the cursor's
 * @param {string} before the cursor's line up to it
 */
export const pathOf = (above, before) => {
  const here = read(before);
  const path = [];
  let depth = here.items > 0 ? here.depth : here.inside;
  if (here.items > 0) path.unshift("[]");
  for (const line of [...above].reverse()) {
    if (!line.trim() || line.trim().startsWith("#")) continue;
    const found = read(line);
    if (found.items > 0 && found.inside <= depth && found.depth < depth) {
      if (found.key && found.inside < depth) path.unshift(found.key);
      path.unshift("[]");
      depth = found.depth;
      continue;
    }
    // A list may stand no deeper than its key.
    const isParent = found.inside < depth || (found.inside === depth && path[0] === "[]" && found.items === 0);
    if (found.key && isParent) {
      path.unshift(found.key);
      depth = found.depth;
    }
  }
  return path;
};

/** A schema and everything that it may also be, with its references followed. */
const forms = (root, schema, seen = new Set()) => {
  if (!schema || seen.has(schema)) return [];
  seen.add(schema);
  const followed = schema.$ref
    ? schema.$ref.slice(2).split("/").reduce((at, part) => at?.[part], root)
    : undefined;
  const inner = [followed, ...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])];
  return [schema, ...inner.flatMap((one) => forms(root, one, seen))];
};

/** The schemas at the end of a path. */
const at = (root, path) => path.reduce(
  (schemas, part) => schemas.flatMap((schema) => {
    if (part === "[]") return schema.items ? forms(root, schema.items) : [];
    const member = schema.properties?.[part]
      ?? (typeof schema.additionalProperties === "object" ? schema.additionalProperties : undefined);
    return member ? forms(root, member) : [];
  }),
  forms(root, root),
);

const words = (schemas) => schemas.flatMap((schema) => [
  ...(schema.enum ?? []), ...("const" in schema ? [schema.const] : []), ...(schema.type === "boolean" ? [true, false] : []),
]);

/**
 * What may be written at the cursor.
 * @param {Schema} root
 * @param {{text: string, place: {line: number}, before: string}} question
 */
export const offer = (root, { text, place, before }) => {
  if (/(^|\s)#/.test(before)) return null;
  const above = text.split("\n").slice(0, place.line - 1);
  const path = pathOf(above, before);
  const value = before.match(/^(?:\s*(?:- +)*)["']?([^\s:"'#][^:"'#]*?)["']?\s*:\s+[\w.-]*$/);
  if (value) {
    const options = words(at(root, [...path, value[1]]));
    return options.length ? { options: [...new Set(options)].map((one) => ({ label: String(one), kind: "enum" })) } : null;
  }
  if (!/^\s*(?:- +)*[\w$.-]*$/.test(before)) return null;
  const keys = new Map(at(root, path).flatMap((schema) => Object.entries(schema.properties ?? {})));
  const options = [...keys].map(([label, schema]) => ({
    label,
    insert: `${label}: `,
    info: forms(root, schema).map((one) => one.description).find(Boolean),
    kind: "property",
  }));
  return options.length ? { options } : null;
};
