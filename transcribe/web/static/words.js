/** Numbers in words: times, sizes, the names of keys, how certain a note is. */

const KEY_NAMES = ["C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B"];

/** Notes below this are drawn hatched and called doubtful. */
export const DOUBTFUL = 0.9;

/** Lowest and highest key of the piano (MIDI numbers of A0 and C8). */
export const LOWEST = 21;
export const HIGHEST = 108;

/** `60` -> `C4`. */
export const pitchName = (pitch) => `${KEY_NAMES[pitch % 12]}${Math.floor(pitch / 12) - 1}`;

/** Whether a key is black on the piano. */
export const isBlack = (pitch) => [1, 3, 6, 8, 10].includes(pitch % 12);

/** `75.25` -> `1:15`; with `digits`, `1:15.3`; from an hour on `1:01:15`. */
export function clock(seconds, digits = 0) {
  const unit = 10 ** digits;
  const whole = Math.floor(Math.max(0, seconds) * unit + (digits ? 0.5 : 0)) / unit;
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const rest = (whole % 60).toFixed(digits).padStart(digits ? digits + 3 : 2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/** `75` -> `1 min 15 s`; for ears and for time left. */
export function spoken(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** `1234567` -> `1.2 MB`. */
export function size(bytes) {
  if (bytes < 1e6) return `${Math.max(1, Math.round(bytes / 1e3))} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

/** `(1, "note")` -> `1 note`; `(1200, "note")` -> `1,200 notes`. */
export const count = (n, one) => `${n.toLocaleString("en")} ${one}${n === 1 ? "" : "s"}`;

/** A day and time as they are written where the person lives, from seconds since 1970. */
export const day = (unix) =>
  new Date(unix * 1000).toLocaleString(undefined, {
    day: "numeric",
    month: "short",
    hour: "2-digit",
    minute: "2-digit",
  });

/** How hard a key was struck, in the words of a score. */
export function loudness(velocity) {
  const marks = [
    [16, "ppp"],
    [33, "pp"],
    [49, "p"],
    [64, "mp"],
    [80, "mf"],
    [96, "f"],
    [112, "ff"],
  ];
  return (marks.find(([below]) => velocity < below) ?? [0, "fff"])[1];
}

/** How certain a note is, in words. `null`: the person set it. */
export function certainty(confidence) {
  if (confidence === null) return "set by you";
  const percent = `${Math.floor(confidence * 100)} %`;
  if (confidence < DOUBTFUL) return `doubtful (${percent})`;
  return confidence < 0.95 ? `fairly certain (${percent})` : `certain (${percent})`;
}

/** What a queued recording waits for. */
function waiting({ n_before: before, seconds_before: seconds }) {
  if (!before) return "Waiting to start";
  const when = seconds === null || seconds === undefined ? "" : `, starts in about ${spoken(seconds)}`;
  return `Waiting: ${count(before, "recording")} before it${when}`;
}

/** The state of a recording, in a sentence. */
export function stateOf(recording) {
  const { state, heard_seconds: heard, duration, seconds_left: left } = recording;
  if (state === "queued") return waiting(recording);
  if (state === "failed") return recording.error || "It could not be transcribed";
  if (state === "paused") return `Paused after ${clock(heard)}${duration ? ` of ${clock(duration)}` : ""}`;
  if (state === "cancelled") return `Stopped after ${clock(heard)}`;
  if (state === "done") return count(recording.n_notes, "note");
  const of = duration ? ` of ${clock(duration)}` : "";
  const time = left === null || left === undefined ? "" : `, about ${spoken(left)} left`;
  return heard ? `${clock(heard)}${of} transcribed${time}` : "Starting";
}
