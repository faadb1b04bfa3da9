// Which names fit what somebody typed, best first: letters in order, better at the starts of words and next to each other.

const isStart = (text, at) => at === 0 || /[\s_\-./:]/.test(text[at - 1]);

/** How well `name` fits `typed`, both in lower case; `null` where letters are missing. */
export const score = (typed, name) => {
  const whole = name.indexOf(typed);
  if (whole >= 0) return 1000 - whole + (isStart(name, whole) ? 500 : 0) - name.length / 100;
  let at = -1, points = 0;
  for (const letter of typed.replace(/\s+/g, "")) {
    const next = name.indexOf(letter, at + 1);
    if (next < 0) return null;
    points += next === at + 1 ? 5 : isStart(name, next) ? 3 : 0;
    at = next;
  }
  // A few letters strewn over a long name are no match that anybody meant.
  return points * 2 >= typed.length ? points - name.length / 100 : null;
};

/**
 * Those of `all` that fit, best first; equals keep their order.
 * @template T @param {string} typed @param {T[]} all @param {(one: T) => string} name @returns {T[]}
 */
export const matching = (typed, all, name) => all
  .map((one) => ({ one, points: score(typed.toLowerCase(), name(one).toLowerCase()) }))
  .filter(({ points }) => points !== null)
  .sort((a, b) => b.points - a.points)
  .map(({ one }) => one);
