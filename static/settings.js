// Reads the region from a pasted address of CleverTap's dashboard, wherever it is pasted. Without this script a button does.

const DASHBOARD = /^\s*(?:https?:\/\/)?([a-z0-9]+)\.dashboard\.clevertap\.com(?:[/:?#]|\s*$)/i;

const region = document.querySelector("select#region");
const dashboard = document.querySelector("input#dashboard");
const account = document.querySelector("input#account_id");
const status = document.getElementById("region-status");

/**
 * The choice that an address names.
 * @param {string} text
 * @returns {HTMLOptionElement | undefined}
 */
const choice = (text) => {
  const name = DASHBOARD.exec(text)?.[1]?.toLowerCase();
  return [...region.options].find((option) => option.value === name);
};

/** @param {HTMLOptionElement} option */
const choose = (option) => {
  region.value = option.value;
  status.textContent = `The region is ${option.textContent.trim()}. Save to put it in force.`;
};

if (region && dashboard && status) {
  dashboard.addEventListener("input", () => {
    const found = choice(dashboard.value);
    if (found) choose(found);
    else status.textContent = "";
  });
  account?.addEventListener("input", () => {
    const found = choice(account.value);
    if (!found) return;
    // The address belongs in its own field; what stood in this one comes back.
    dashboard.value = account.value.trim();
    account.value = account.defaultValue;
    choose(found);
  });
}
