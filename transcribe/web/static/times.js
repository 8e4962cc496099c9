/** Times as they are typed; `transcribe/excerpt.py` has the same rule for the command. */

const TIME = /^(?:(?:(\d+):)?(\d+):)?(\d+(?:[.,]\d*)?)$/;

/** `1:15.3`, `1:15,3` or `75.3` -> 75.3; null for what is no time, such as `1:75`. */
export function secondsOf(text) {
  const [, hours, minutes, rest] = text.trim().match(TIME) ?? [];
  if (rest === undefined) return null;
  const seconds = Number(rest.replace(",", "."));
  const total = 3600 * Number(hours ?? 0) + 60 * Number(minutes ?? 0) + seconds;
  const overflows = (minutes && seconds >= 60) || (hours && Number(minutes) >= 60);
  return overflows || total === Infinity ? null : total;
}
