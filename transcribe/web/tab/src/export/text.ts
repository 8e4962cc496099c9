/** A transcription as a table (CSV) and as data (JSON): what `transcribe/export.py` writes. */

import { fixed, pythonFloat, rounded } from "../numbers";
import type { Performance } from "../performance";
import { type AudioWarning, sentenceOf } from "../engine/quality";
import { type Excerpt, WHOLE } from "../settings";

const PITCH_CLASSES = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"];

const pitchName = (pitch: number): string =>
  `${PITCH_CLASSES[pitch % 12] as string}${Math.floor(pitch / 12) - 1}`;

export function csvText({ notes }: Performance): string {
  const lines = notes.map(({ onset, offset, pitch, velocity, confidence }) =>
    [fixed(onset, 4), fixed(offset, 4), pitch, pitchName(pitch), velocity, fixed(confidence, 3)].join(","),
  );
  return `${["onset,offset,pitch,name,velocity,confidence", ...lines].join("\n")}\n`;
}

export interface Told {
  recording: string;
  model: string;
  /** Seconds of the recording, or of the part of it. */
  duration: number;
  /** What of the recording was transcribed. */
  excerpt?: Excerpt;
  offsets: string;
  warnings: AudioWarning[];
}

/** Numbers of a warning that are counts, and so written without a point. */
const COUNTS = new Set(["n_packets", "n_samples", "n_notes", "pitch"]);

/** As Python's `json.dumps(content, ensure_ascii=False, indent=1)`. */
export function jsonText({ notes, pedal }: Performance, told: Told): string {
  const seconds = (value: number): string => pythonFloat(rounded(value, 4));
  const lines = [
    "{",
    ` "recording": ${JSON.stringify(told.recording)},`,
    ` "model": ${JSON.stringify(told.model)},`,
    ` "duration": ${seconds(told.duration)},`,
    ...partLines(told.excerpt ?? WHOLE),
    ` "offsets": ${JSON.stringify(told.offsets)},`,
    ` "warnings": ${list(told.warnings.map(warningText))},`,
    ` "notes": ${list(
      notes.map((note) =>
        object([
          ["onset", seconds(note.onset)],
          ["offset", seconds(note.offset)],
          ["pitch", String(note.pitch)],
          ["velocity", String(note.velocity)],
          ["confidence", pythonFloat(rounded(note.confidence, 3))],
        ]),
      ),
    )},`,
    ` "pedal": ${list(
      pedal.map((press) => object([["onset", seconds(press.onset)], ["offset", seconds(press.offset)]])),
    )}`,
    "}",
  ];
  return `${lines.join("\n")}\n`;
}

/** From where to where, null for the recording's end; nothing of all of it. */
function partLines({ start, stop }: Excerpt): string[] {
  if (start === 0 && stop === Infinity) return [];
  return [' "part": [', `  ${pythonFloat(start)},`, `  ${stop === Infinity ? "null" : pythonFloat(stop)}`, " ],"];
}

function warningText(warning: AudioWarning): string {
  const values = Object.entries(warning.values).map(
    ([name, value]): [string, string] => [name, COUNTS.has(name) ? String(value) : pythonFloat(value)],
  );
  const inner = values.map(([name, value]) => `    ${JSON.stringify(name)}: ${value}`).join(",\n");
  return object([
    ["kind", JSON.stringify(warning.kind)],
    ["message", JSON.stringify(sentenceOf(warning))],
    ["values", inner ? `{\n${inner}\n   }` : "{}"],
  ]);
}

const object = (values: [string, string][]): string =>
  `  {\n${values.map(([name, value]) => `   ${JSON.stringify(name)}: ${value}`).join(",\n")}\n  }`;

const list = (items: string[]): string => (items.length ? `[\n${items.join(",\n")}\n ]` : "[]");
