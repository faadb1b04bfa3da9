// Selecting rows of the event list. Without this script the boxes and the button work as a form.

const form = document.querySelector("[data-pick]");

/** Keeps the words of the buttons in step with what is selected. */
const watch = (form) => {
  const send = form.querySelector("[data-send]");
  const all = form.querySelector("[data-all]");
  const boxes = () => [...form.querySelectorAll("input[name=id]")];

  const show = () => {
    const [shown, picked] = [boxes().length, boxes().filter((box) => box.checked).length];
    send.textContent = picked ? `Send ${picked} selected again` : "Send selected again";
    send.disabled = picked === 0;
    all.textContent = picked === shown && shown > 0 ? "Select none" : "Select all shown";
  };

  all.hidden = false;
  all.addEventListener("click", () => {
    const every = boxes();
    const pick = every.some((box) => !box.checked);
    every.forEach((box) => { box.checked = pick; });
    show();
  });
  form.addEventListener("change", show);
  // Rows of the live view come and go.
  new MutationObserver(show).observe(form.querySelector("[data-rows]"), { childList: true });
  // A browser that goes back puts the boxes as they were, after this script has run.
  window.addEventListener("pageshow", show);
  show();
};

if (form) watch(form);
