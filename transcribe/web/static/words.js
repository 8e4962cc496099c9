/** Numbers in words: times, sizes, the names of notes and keys, how certain a note is. */

import { date, number, percent, t, told } from "./texts.js";

/** Notes below this are drawn hatched and called doubtful. */
export const DOUBTFUL = 0.9;

/** Lowest and highest key of the piano (MIDI numbers of A0 and C8). */
export const LOWEST = 21;
export const HIGHEST = 108;

/** Keys of music by their signatures, from seven flats to seven sharps, as the server names them. */
export const MAJORS = ["Cb", "Gb", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#"];
export const MINORS = ["Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#", "G#", "D#", "A#"];

/** First octave whose notes have the names of the higher ones; it is that below the middle C. */
const HIGH = 3;

let pitchNames = null;

/** `60` -> `C4`. */
export const pitchName = (pitch) => (pitchNames ??= namesOfPitches())[pitch];

function namesOfPitches() {
  const [low, high] = [t("note.low").split(" "), t("note.high").split(" ")];
  const octaves = t("note.octaves").split(",");
  return Array.from({ length: HIGHEST + 1 }, (_, pitch) => {
    const octave = Math.floor(pitch / 12) - 1;
    return `${(octave < HIGH ? low : high)[pitch % 12]}${octaves[octave] ?? octave}`;
  });
}

/** `("Eb", true)` -> `E♭ minor`. */
export const keyName = (tonic, minor) =>
  minor
    ? t("tonality.minor").split(",")[MINORS.indexOf(tonic)]
    : t("tonality.major").split(",")[MAJORS.indexOf(tonic)];

/** `Eb minor`, as the server says it, in the page's words. */
export function keyOf(said) {
  const [, tonic, mode] = said.match(/^(\S+) (major|minor)$/) ?? [];
  return keyName(tonic, mode === "minor") ?? said;
}

/** Whether a key is black on the piano. */
export const isBlack = (pitch) => [1, 3, 6, 8, 10].includes(pitch % 12);

/** `75.25` -> `1:15`; with `digits`, `1:15.3`; from an hour on `1:01:15`. */
export function clock(seconds, digits = 0) {
  const unit = 10 ** digits;
  const whole = Math.floor(Math.max(0, seconds) * unit + (digits ? 0.5 : 0)) / unit;
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const rest = number(whole % 60, {
    minimumIntegerDigits: 2,
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/** `75` -> `1 min 15 s`; for ears and for time left. */
export function spoken(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return t("time.seconds", { s: whole });
  if (whole < 3600) return t("time.minutes", { m: Math.floor(whole / 60), s: whole % 60 });
  return t("time.hours", { h: Math.floor(whole / 3600), m: Math.floor((whole % 3600) / 60) });
}

const UNITS = [
  [1e9, "gigabyte", 1],
  [1e6, "megabyte", 1],
  [1e3, "kilobyte", 0],
];

/** `1234567` -> `1.2 MB`. */
export function size(bytes) {
  const [unit, name, digits] = UNITS.find(([least]) => bytes >= least) ?? UNITS.at(-1);
  const amount = digits ? bytes / unit : Math.max(1, Math.round(bytes / unit));
  return number(amount, {
    style: "unit",
    unit: name,
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** A day and time as they are written where the person lives, from seconds since 1970. */
export const day = (unix) =>
  date(unix * 1000, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

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

/** How certain a note is: the end of a key of texts. `null`: the person set it. */
export function certaintyOf(confidence) {
  if (confidence === null) return "own";
  if (confidence < DOUBTFUL) return "doubtful";
  return confidence < 0.95 ? "fairly" : "certain";
}

/** How certain a note is, in words. */
export const certainty = (confidence) =>
  t(`certainty.${certaintyOf(confidence)}`, { share: percent(confidence ?? 1) });

/** What a queued recording waits for. */
function waiting({ n_before: n, seconds_before: seconds }) {
  if (!n) return t("state.waiting");
  if (seconds === null || seconds === undefined) return t("state.before", { n });
  return t("state.before.time", { n, time: spoken(seconds) });
}

/** How much of a recording is done, 0 to 1, or of the part that is transcribed. */
export function shareOf({ duration, heard_seconds: heard, part }) {
  const start = part?.[0] ?? 0;
  const end = part?.[1] ?? duration;
  return end ? Math.min(1, Math.max(0, heard - start) / (end - start)) : 0;
}

/** Which part of a recording is transcribed, if not all of it: `1:30 to 2:45`. */
export const partOf = ({ duration, part }) =>
  part ? t("part.span", { from: clock(part[0] ?? 0), to: clock(part[1] ?? duration ?? 0) }) : "";

/** The state of a recording, in a sentence. */
export function stateOf(recording) {
  const { state, duration, seconds_left: left } = recording;
  const heard = clock(recording.heard_seconds);
  const of = duration ? ".of" : "";
  const values = { heard, duration: duration ? clock(duration) : "" };
  if (state === "queued") return waiting(recording);
  if (state === "failed") return troubleOf(recording).words || t("state.failed");
  if (state === "paused") return t(`state.paused${of}`, values);
  if (state === "cancelled") return t("state.stopped", values);
  if (state === "done") return t("notes.n", { n: recording.n_notes });
  if (!recording.heard_seconds) return t("state.starting");
  if (left === null || left === undefined) return t(`state.heard${of}`, values);
  return t(`state.heard${of}.left`, { ...values, time: spoken(left) });
}

/** Why a recording failed, and what to do: `{words, hint}`. */
export function troubleOf({ error, hint, error_kind: kind, error_values: values }) {
  return {
    words: told(`error.${kind}`, values, error),
    hint: told(`error.${kind}.hint`, values, hint ?? ""),
  };
}

/** Kinds of errors for which the file itself is to blame. */
const OF_THE_FILE = [
  ...["cut_off", "damaged", "empty", "midi", "no_audio_track", "no_decoder", "not_a_recording"],
  ...["too_long", "too_short", "unusable", "unreadable_file", "empty_file", "too_large"],
  ...["upload.empty", "upload.large"],
];

/** Whether trying again may help after an error; with the same file it would be the same. */
export const mayHelp = (kind) => !OF_THE_FILE.includes(kind);

/** What is uncertain about bars and key, a sentence each. */
export const doubtsOf = ({ doubts }) =>
  doubts.map(({ kind, message }) => told(`doubt.${kind}`, {}, message));
