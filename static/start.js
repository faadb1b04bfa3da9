// A button beside each snippet that copies it. Without this script snippets are selected by hand.

for (const snippet of document.querySelectorAll(".snippets pre.command")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button button-quiet";
  button.textContent = "Copy";
  button.setAttribute("aria-label", `Copy: ${snippet.getAttribute("aria-label")}`);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(snippet.textContent);
      button.textContent = "Copied";
    } catch {
      // The browser does not allow it, as without TLS: select it instead.
      getSelection().selectAllChildren(snippet);
      button.textContent = "Selected; press Ctrl+C";
    }
  });
  snippet.after(button);
}
