/** Names of recordings and downloads: what `transcribe/web/names.py` makes of them. */

const MOST_LETTERS = 200;
const NAMELESS = "recording";
const RESERVED = /^(con|prn|aux|nul|com\d|lpt\d)$/i;

/** A name as the page shows it: printable, one line, not too long, and with a suffix. */
export function shownName(name: string, suffix = ""): string {
  const lacks = suffix && !name.toLowerCase().endsWith(suffix.toLowerCase());
  let line = (lacks ? `${name.trimEnd() || NAMELESS}${suffix}` : name)
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, " ")
    .replace(/[\p{Cs}\p{Cn}\u202a-\u202e\u2066-\u2069]/gu, "")
    .replace(/\s+/g, " ")
    .trim();
  const letters = [...line];
  if (letters.length > MOST_LETTERS) {
    const dot = line.lastIndexOf(".");
    const ending = dot < 0 ? "" : line.slice(dot);
    const tail = [...ending].length <= 6 ? ending : "";
    const stem = tail ? [...line.slice(0, dot)] : letters;
    line = `${stem.slice(0, MOST_LETTERS - [...tail].length - 1).join("")}…${tail}`;
  }
  return line || NAMELESS;
}

/** The name under which a download is saved: the recording's, with another suffix. */
export function downloadName(recording: string, suffix: string): string {
  const safe = shownName(recording).replace(/[<>:"/\\|?*]/g, "_");
  let stem = stemOf(safe).replace(/^[ .]+|[ .]+$/g, "") || NAMELESS;
  if (RESERVED.test(stem)) stem += "_";
  const size = (text: string): number => new TextEncoder().encode(text).length;
  while (size(stem + suffix) > 240) stem = [...stem].slice(0, -1).join("");
  return stem + suffix;
}

/** Without its last ending, as Python's `pathlib` takes it. */
export function stemOf(name: string): string {
  const dot = name.lastIndexOf(".");
  return dot > 0 && dot < name.length - 1 ? name.slice(0, dot) : name;
}

/** The last ending of a name with its point, or nothing. */
export function suffixOf(name: string): string {
  return name.slice(stemOf(name).length);
}
