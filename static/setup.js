// Takes the setup token from the address into the field, and out of the address and the history at once.
// The fragment never travels to the server, so no log between here and there has seen it.
"use strict";

const take = () => {
  const token = decodeURIComponent(location.hash.slice(1));
  if (!token || token === "main") return;
  history.replaceState(null, "", location.pathname);
  const field = document.getElementById("token");
  field.value = token;
  document.getElementById("password").focus();
};

addEventListener("hashchange", take);
take();
