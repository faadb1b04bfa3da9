// Two texts beside each other, or one with its differences to another.

import { MergeView, unifiedMergeView } from "@codemirror/merge";
import { EditorView } from "@codemirror/view";
import { common, shadow } from "./edit.js";

const collapse = { margin: 3, minSize: 6 };

/**
 * Puts the difference of two texts into `parent`; both are only read unless `onChange` is given, which takes the right one
 * when it is edited.
 * @param {object} options
 * @param {Element} options.parent
 * @param {{doc: string, label: string}} options.left what was
 * @param {{doc: string, label: string}} options.right what is, or would be
 * @param {"yaml" | "json" | "rhai" | "text"} [options.language]
 * @param {boolean} [options.unified] one column with what was taken away above what came; for narrow places
 * @param {(text: string) => void} [options.onChange]
 */
export const mountMerge = ({ parent, left, right, language, unified = false, onChange }) => {
  const { host, root } = shadow("code-merge", (host) => parent.append(host));
  const side = ({ label }, change) =>
    common({ label, language, readOnly: !change, onChange: change, wrap: true });
  if (unified) {
    const view = new EditorView({
      root,
      parent: root,
      doc: right.doc,
      extensions: [
        side(right, onChange),
        unifiedMergeView({ original: left.doc, mergeControls: false, collapseUnchanged: collapse }),
      ],
    });
    return handle(host, view, () => view.state.doc.toString());
  }
  const view = new MergeView({
    root,
    parent: root,
    a: { doc: left.doc, extensions: side(left) },
    b: { doc: right.doc, extensions: side(right, onChange) },
    collapseUnchanged: collapse,
    gutter: true,
  });
  return handle(host, view, () => view.b.state.doc.toString());
};

const handle = (host, view, text) => ({
  host,
  /** The right text. */
  get text() { return text(); },
  destroy: () => {
    view.destroy();
    host.remove();
  },
});
