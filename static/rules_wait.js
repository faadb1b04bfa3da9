// Looks at a comparison until it is over. Without this script one looks again by a link.

const EVERY = 700;

const look = async () => {
  try {
    const answer = await fetch(location.href, { redirect: "error" });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const now = page.getElementById("progress");
    if (!now) {
      location.reload();
      return;
    }
    // The bar alone is replaced, so that whoever stands on a button stays there.
    document.querySelector("#progress > p").replaceWith(now.querySelector("p"));
  } catch {
    // The server may be restarting; the next look tells.
  }
  setTimeout(look, EVERY);
};

setTimeout(look, EVERY);
