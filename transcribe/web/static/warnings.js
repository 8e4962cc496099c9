/**
 * What is doubtful about a recording, in the page's language: sentences by the kinds of
 * `transcribe/audio/quality.py`.
 */

import { decimals, number, t, told } from "./texts.js";
import { pitchName } from "./words.js";

/** Without what comes after the point. */
const whole = (value) => Math.round(value);

/** `75.25` -> `1 min 15 s`, `12.34` -> `12.3 s`. */
const span = (seconds) =>
  seconds < 60
    ? t("time.seconds", { s: decimals(seconds, 1) })
    : t("time.minutes", { m: Math.floor(seconds / 60), s: whole(seconds % 60) });

/** Cents; so far out, a piano that is a few more may be taken for one of the next semitone. */
const BETWEEN_KEYS = 35;

/** Of each kind whose values are not put in as they are: the end of the text's key, and them. */
const FORMS = {
  truncated: ({ missing, promised }) =>
    missing === undefined || missing === null
      ? [".unknown"]
      : ["", { missing: span(missing), promised: span(promised) }],
  hole: ({ seconds }) => ["", { seconds: decimals(seconds, 2) }],
  clock: ({ seconds }) => ["", { seconds: whole(seconds) }],
  shifted: ({ seconds }) => ["", { time: span(seconds) }],
  header: ({ told: promised, held }) => ["", { promised: span(promised), held: span(held) }],
  antiphase: ({ seconds }) => ["", { time: span(seconds) }],
  scale: ({ peak, divisor }) => [divisor === 1 ? ".kept" : "", { peak: whole(peak), divisor }],
  short: ({ seconds }) => ["", { ms: decimals(1000 * seconds, 1) }],
  quiet: ({ peak_db: level }) => ["", { level: whole(level) }],
  low_confidence: ({ confidence }) => ["", { confidence: decimals(confidence, 2) }],
  clipped: ({ share }) => [
    "",
    { share: number(share, { style: "percent", maximumSignificantDigits: 2 }) },
  ],
  clicks: ({ n_notes: n, pitch }) => ["", { n, pitch: pitchName(pitch) }],
  tuning: ({ cents, a4 = 440 }) => [
    (cents > 0 ? ".above" : ".below") + (Math.abs(cents) < BETWEEN_KEYS ? "" : ".far"),
    { cents: whole(Math.abs(cents)), a4, found: decimals(a4 * 2 ** (cents / 1200), 1) },
  ],
};

/** The warnings about a recording, a sentence each. */
export const warningsOf = ({ warnings = [], remarks = [] }) =>
  warnings.map((words, i) => sentence(words, remarks[i]));

function sentence(words, remark) {
  if (!remark) return words;
  const { kind, values = {} } = remark;
  const [end, shown = values] = FORMS[kind]?.(values) ?? [""];
  return told(`warning.${kind}${end}`, shown, words);
}
