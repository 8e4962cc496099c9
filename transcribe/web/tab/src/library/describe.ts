/** A recording as the page is told of it; as `described` in `transcribe/web/description.py`. */

import type { DecodeSettings } from "../settings";
import type { Values } from "../errors";
import type { Entry } from "./database";

export interface RecordingWords {
  id: string;
  name: string;
  created: number;
  bytes: number;
  duration: number | null;
  part: [number, number | null] | null;
  state: string;
  heard_seconds: number;
  n_before: number | null;
  seconds_before: number | null;
  seconds_left: number | null;
  error: string;
  hint: string;
  error_kind: string;
  error_values: Values;
  warnings: string[];
  /** What each warning is about. */
  remarks: Entry["remarks"];
  n_notes: number;
  /** Names what the notes of a finished recording depend on. */
  notes_version: string;
  edited: boolean;
  settings: PersonSettings;
  settings_default: PersonSettings;
}

export interface PersonSettings {
  threshold: number;
  minimum_duration: number;
}

/** What is shown before the model's own settings are known. */
const UNKNOWN: PersonSettings = { threshold: 0.5, minimum_duration: 0 };

export const modelSettings = ({ decode }: Entry): PersonSettings =>
  decode
    ? { threshold: decode.onset_threshold, minimum_duration: decode.minimum_duration }
    : UNKNOWN;

export function personSettings(entry: Entry): PersonSettings {
  const own = modelSettings(entry);
  return {
    threshold: entry.threshold ?? own.threshold,
    minimum_duration: entry.minimum_duration ?? own.minimum_duration,
  };
}

/** The model's settings with what the person has chosen in their place. */
export function decodeSettings(entry: Entry): DecodeSettings {
  if (!entry.decode) throw new Error("this recording is not transcribed yet");
  const { threshold, minimum_duration } = personSettings(entry);
  return { ...entry.decode, onset_threshold: threshold, minimum_duration };
}

/**
 * @param lastStep of the changes by hand that count; 0 without any
 * @param ahead what a queued recording waits for: how many recordings, and how many seconds
 */
export function describe(
  entry: Entry,
  lastStep: number,
  ahead: { n: number; seconds: number | null } | null = null,
): RecordingWords {
  return {
    id: entry.id,
    name: entry.name,
    created: entry.created,
    bytes: entry.bytes,
    duration: entry.duration,
    part: entry.part ?? null,
    state: entry.state,
    heard_seconds: Math.round(1000 * entry.heard_seconds) / 1000,
    n_before: ahead?.n ?? null,
    seconds_before: ahead?.seconds ?? null,
    seconds_left: entry.state === "working" ? entry.seconds_left : null,
    error: entry.error,
    hint: entry.hint,
    error_kind: entry.error_kind ?? "",
    error_values: entry.error_values ?? {},
    warnings: entry.warnings,
    remarks: entry.remarks,
    n_notes: entry.n_notes,
    notes_version: `${entry.attempt}.${entry.threshold ?? 0}.${entry.minimum_duration ?? 0}.${lastStep}`,
    edited: lastStep > 0,
    settings: personSettings(entry),
    settings_default: modelSettings(entry),
  };
}
