/** What is doubtful about a recording: kinds and sentences of `transcribe/audio/quality.py`. */

import { fixed } from "../numbers";

export interface AudioWarning {
  kind: WarningKind;
  values: Record<string, number>;
}

/** Of full scale; from here on a sample counts as cut off. */
export const CLIPPED_LEVEL = 0.995;
/** A mean confidence below this is not that of a piano. */
const DOUBTFUL = 0.85;
/** Decibels relative to full scale; a recording that never rises above it is silence. */
export const SILENCE_DB = -100;
/** Seconds; a shorter recording is a click or a rest of a file, whatever is in it. */
const SHORTEST = 0.1;
/** Notes a minute; with fewer, and those rather doubtful, it is no piano either. */
const SPARSE = 6;
/** Share of the samples at full scale from which a recording sounds distorted. */
const CLIPPED = 5e-4;
/** Cents; further from A = 440 Hz than pianos in use are kept. */
const OUT_OF_TUNE = 15;
/** Cents; so far out, a piano that is a few more may be taken for one of the next semitone. */
const BETWEEN_KEYS = 35;

export const isDistorted = (share: number): boolean => share > CLIPPED;

/** Whether notes of so low a mean confidence, in so many seconds, are guesses. */
export function isNoPiano(confidence: number, nNotes: number, duration: number): boolean {
  const sparse = 60 * nNotes < SPARSE * duration;
  return confidence < DOUBTFUL || (sparse && confidence < (1 + DOUBTFUL) / 2);
}

/** Whether nobody could find a note in so few seconds. */
export const isTooShort = (seconds: number): boolean => seconds < SHORTEST;

export const isOutOfTune = (cents: number): boolean => Math.abs(cents) >= OUT_OF_TUNE;

function span(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  const rest = seconds - 60 * minutes;
  return minutes ? `${minutes} min ${fixed(rest, 0)} s` : `${fixed(rest, 1)} s`;
}

type Values = Record<string, number>;
const number = (values: Values, name: string): number => values[name] as number;

/** Sentences by kind, most serious first. */
const SENTENCES = {
  truncated: (values: Values) =>
    `truncated or damaged: ${span(number(values, "missing"))} of the ` +
    `${span(number(values, "promised"))} that the header promises are missing`,
  damaged: (values: Values) =>
    `${number(values, "n_packets")} damaged packet(s) skipped; there may be notes missing`,
  hole: (values: Values) =>
    `${fixed(number(values, "seconds"), 2)} s of silence put where the recording has a hole`,
  clock: (values: Values) =>
    `damaged time stamps: a jump of ${fixed(number(values, "seconds"), 0)} s was ignored, so what ` +
    "comes after it may be early",
  not_finite: (values: Values) =>
    `${number(values, "n_samples")} NaN or infinite sample(s) replaced by 0`,
  antiphase: (values: Values) =>
    `the channels are in opposite phase for ${span(number(values, "seconds"))} and would cancel ` +
    "each other: one was inverted; check the cables, or the microphones' phase switches",
  short: (values: Values) =>
    `no notes: ${fixed(1000 * number(values, "seconds"), 1)} ms of sound is too short for one; check ` +
    "that it is the right file, and that it is whole",
  silent: () =>
    "no notes: the recording is silent; check that it is the right file, and that the microphone " +
    "was on",
  quiet: (values: Values) =>
    `very quiet: never above ${fixed(number(values, "peak_db"), 0)} dB of full scale; it was ` +
    "amplified, and its noise with it",
  no_notes: () => "no piano notes were found; if there is a piano, it may be very soft",
  low_confidence: (values: Values) =>
    "this does not sound like a piano, and the notes are guesses, of mean confidence " +
    `${fixed(number(values, "confidence"), 2)}; a recording of a piano alone, made nearer to it, ` +
    "would be better",
  clipped: (values: Values) =>
    `distorted: ${twoDigits(100 * number(values, "share"))} % of the samples are at full scale, as ` +
    "the recording was made too loud; notes may be wrong",
  clicks: (values: Values) =>
    `${number(values, "n_notes")} short notes of one pitch (MIDI ${number(values, "pitch")}) come ` +
    "as evenly as a metronome, which they may be",
  tuning: (values: Values) => {
    const cents = number(values, "cents");
    const a4 = number(values, "a4");
    const said =
      `tuned ${fixed(Math.abs(cents), 0)} cents ${cents > 0 ? "above" : "below"} A = ${a4} Hz: ` +
      `A4 is at ${fixed(a4 * 2 ** (cents / 1200), 1)} Hz`;
    return Math.abs(cents) < BETWEEN_KEYS ? said : `${said}; all notes may be a semitone off`;
  },
} as const;

export type WarningKind = keyof typeof SENTENCES;
const KINDS = Object.keys(SENTENCES) as WarningKind[];

/** Whether a remark about a recording is one of these. */
export const isAudioWarning = (remark: { kind: string }): remark is AudioWarning => remark.kind in SENTENCES;

/** One sentence, without a capital or a full stop. */
export const sentenceOf = ({ kind, values }: AudioWarning): string => SENTENCES[kind](values);

/** With a capital and a full stop. */
export const asSentence = (words: string): string => `${words.charAt(0).toUpperCase()}${words.slice(1)}.`;

export const mostSeriousFirst = (warnings: AudioWarning[]): AudioWarning[] =>
  [...warnings].sort((a, b) => KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind));

/** As `format(value, ".2g")` of Python. */
function twoDigits(value: number): string {
  const [digits, exponent] = value.toExponential(1).split("e") as [string, string];
  const power = Number(exponent);
  if (power < -4 || power >= 2) {
    return `${String(Number(digits))}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
  }
  return String(Number(value.toPrecision(2)));
}
