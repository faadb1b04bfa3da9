// Which events were looked at last in this browser. Only their IDs are kept: no names, no people, no searches.

const KEPT = "tapline.recent";
const MOST = 8;

const read = () => {
  try {
    const kept = JSON.parse(localStorage.getItem(KEPT) ?? "[]");
    return Array.isArray(kept) ? kept.filter((id) => /^ev_\d+$/.test(id)) : [];
  } catch {
    return [];
  }
};

/** Those looked at last, newest first, without the one that is shown. */
export const recent = () => read()
  .filter((id) => location.pathname !== `/events/${id}`)
  .map((id) => ({ path: `/events/${id}`, label: `Event ${id}` }));

/** Keeps that this page was looked at, if it is an event's. */
export const remember = () => {
  const id = location.pathname.match(/^\/events\/(ev_\d+)$/)?.[1];
  if (!id) return;
  localStorage.setItem(KEPT, JSON.stringify([id, ...read().filter((one) => one !== id)].slice(0, MOST)));
};
