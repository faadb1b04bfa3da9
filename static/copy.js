// A button that copies what stands in a block of code: in every `.command`, and in what is marked `data-copy`.

const SHOWN_FOR = 2000;

const addButton = (block) => {
  const box = document.createElement("div");
  box.className = "code-box";
  const button = document.createElement("button");
  button.className = "copy";
  button.type = "button";
  const what = block.getAttribute("aria-label");
  button.textContent = "Copy";
  if (what) button.setAttribute("aria-label", `Copy: ${what}`);
  // Said to a screen reader too, which does not look at a button again because its words change.
  const said = document.createElement("span");
  said.className = "visually-hidden";
  said.setAttribute("role", "status");
  let timer = 0;
  const say = (word) => {
    button.textContent = said.textContent = word;
    clearTimeout(timer);
    timer = setTimeout(() => {
      button.textContent = "Copy";
      said.textContent = "";
    }, SHOWN_FOR);
  };
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(block.textContent);
      say("Copied");
    } catch {
      // Over plain HTTP a browser may not copy for a page: then the text is at least selected.
      getSelection().selectAllChildren(block);
      say("Selected");
    }
  });
  block.replaceWith(box);
  box.append(block, button, said);
};

const addButtons = (root) => {
  for (const block of root.querySelectorAll("pre.command, pre[data-copy]")) {
    if (!block.parentElement.classList.contains("code-box")) addButton(block);
  }
};

addButtons(document);
// Results that come later bring code with them.
new MutationObserver((changes) => {
  for (const { addedNodes } of changes) {
    for (const node of addedNodes) if (node instanceof Element && !node.closest(".code-box")) addButtons(node.parentElement ?? node);
  }
}).observe(document.querySelector("main"), { childList: true, subtree: true });
