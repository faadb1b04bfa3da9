// The live view: rows that the server renders come over a stream and are put on top. Without this script there is a link
// that loads the page again. What the stream says stands in src/sse.rs.

import { RowList } from "./rows.js";

/** Rows are put into the page this often, in milliseconds, however many came. */
const SHOWN_EVERY = 250;
/** A screen reader hears of news this often at most. */
const SAID_EVERY = 5000;
/** After a refusal the next try is made so much later; doubled each time. */
const RETRY = 3000;
const RETRY_MOST = 30000;
/** A page that nobody looks at lets the stream go after this long, and takes it up where it was. */
const HIDDEN = 60000;

/** @param {HTMLElement} tools What the server put there for this: the stream's address and the buttons. */
const start = (tools) => {
  const part = (name) => tools.querySelector(`[data-${name}]`);
  const [toggle, pause, words, summary] = ["toggle", "pause", "words", "summary"].map(part);
  const list = new RowList(document);
  let mark = tools.dataset.at;
  let source = null;
  let paused = false;
  let retry = RETRY;
  let wasLost = false;
  let again = 0;
  let hidden = 0;
  let shown = 0;
  let said = 0;
  let news = { added: 0, changed: 0 };

  const say = (state, text) => {
    tools.dataset.state = state;
    if (words.textContent !== text) words.textContent = text;
  };

  const summarise = () => {
    said = 0;
    const { added, changed } = news;
    news = { added: 0, changed: 0 };
    const parts = [];
    if (added) parts.push(`${added} new event${added === 1 ? "" : "s"}`);
    if (changed) parts.push(`${changed} changed`);
    if (parts.length) summary.textContent = `${parts.join(", ")}.`;
  };

  const show = () => {
    shown = 0;
    if (paused) return;
    const { added, changed } = list.flush();
    news.added += added;
    news.changed += changed;
    if ((added || changed) && !said) said = setTimeout(summarise, SAID_EVERY);
    // In a task of its own, so that a key that was pressed meanwhile comes first.
    if (list.isBehind) shown = setTimeout(show, 0);
  };

  const count = () => {
    pause.textContent = list.fresh ? `Resume: +${list.fresh} new` : "Resume";
  };

  const take = (kind) => (message) => {
    if (message.lastEventId) mark = message.lastEventId;
    list.put(JSON.parse(message.data), kind);
    if (paused) count();
    else if (!shown) shown = setTimeout(show, SHOWN_EVERY);
  };

  const running = () => (paused ? say("paused", "Paused. New events are counted and wait.") : say("live", "New events appear on top."));

  const lost = () => {
    wasLost = true;
    if (source.readyState !== EventSource.CLOSED) {
      say("lost", "Connection lost. Trying again…");
      return;
    }
    source = null;
    say("lost", `The live view was refused. Trying again in ${retry / 1000} s; you may have to sign in again.`);
    again = setTimeout(connect, retry);
    retry = Math.min(2 * retry, RETRY_MOST);
  };

  const connect = () => {
    const joined = tools.dataset.live.endsWith("?") ? "" : "&";
    source = new EventSource(`${tools.dataset.live}${joined}at=${encodeURIComponent(mark)}`);
    source.addEventListener("open", () => {
      retry = RETRY;
      running();
      if (wasLost) summary.textContent = "Connected again; nothing was missed.";
      wasLost = false;
    });
    source.addEventListener("error", lost);
    source.addEventListener("event", take("event"));
    source.addEventListener("change", take("change"));
    source.addEventListener("gap", () => say("lost", "Some events are not shown here. Refresh to see them."));
  };

  const disconnect = () => {
    clearTimeout(again);
    source?.close();
    source = null;
  };

  // The address keeps that the view is live, so that it is again after going back.
  const remember = (on) => {
    const address = new URL(location.href);
    if (on) address.searchParams.set("live", "1");
    else address.searchParams.delete("live");
    history.replaceState(history.state, "", address);
  };

  const setPaused = (on) => {
    paused = on;
    pause.textContent = "Pause";
    if (on) count();
    else if (!shown) show();
    running();
  };

  const turn = (on) => {
    toggle.setAttribute("aria-pressed", String(on));
    pause.hidden = !on;
    remember(on);
    if (on) {
      say("waiting", "Connecting…");
      connect();
    } else {
      disconnect();
      setPaused(false);
      say("off", "");
    }
  };

  toggle.hidden = false;
  toggle.addEventListener("click", () => turn(toggle.getAttribute("aria-pressed") !== "true"));
  pause.addEventListener("click", () => setPaused(!paused));
  document.addEventListener("visibilitychange", () => {
    clearTimeout(hidden);
    const isOn = toggle.getAttribute("aria-pressed") === "true";
    if (!isOn) return;
    if (document.hidden) hidden = setTimeout(disconnect, HIDDEN);
    else if (!source) connect();
  });
  window.addEventListener("pagehide", disconnect);
  if (new URL(location.href).searchParams.has("live")) turn(true);
};

const tools = document.querySelector("[data-live]");
if (tools) start(tools);
