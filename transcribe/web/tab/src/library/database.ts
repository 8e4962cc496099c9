/**
 * What the browser keeps: recordings, what was found in them, and changes made by hand.
 *
 * The same as the server's library (`transcribe/web/library.py`), in IndexedDB. A transcription
 * is kept piece by piece, each with what is needed to go on from it, in one transaction: a tab
 * that is closed or crashes loses no more than the window that was being heard.
 */

import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import type { HeldRolls } from "../decode/candidates";
import type { AudioWarning } from "../engine/quality";
import type { WindowState } from "../engine/windows";
import type { DecodeSettings, Excerpt } from "../settings";
import { TabError, type Values } from "../errors";

export type State = "queued" | "working" | "paused" | "done" | "failed" | "cancelled";

/** The lowest onset threshold that the kept events of a transcription can answer for. */
export const LOWEST_THRESHOLD = 0.05;
/** Of the waveform that is kept with a transcription. */
export const PAIRS_PER_SECOND = 50;

/** What is said of a recording while it is transcribed, beside the transcriber's own warnings. */
export interface Remark {
  kind: "slow";
  values: Values;
}

/** What an entry says of errors while there is none. */
export const WITHOUT_ERROR = { error: "", hint: "", error_kind: "", error_values: {} };

/** One recording. */
export interface Entry {
  id: string;
  name: string;
  /** Seconds since 1970. */
  created: number;
  bytes: number;
  /** Counts up in the order in which they are transcribed. */
  number: number;
  state: State;
  /** How often transcribing it was begun from the beginning. */
  attempt: number;
  duration: number | null;
  heard_seconds: number;
  seconds_left: number | null;
  n_notes: number;
  error: string;
  hint: string;
  /** Not in entries of earlier versions. */
  error_kind?: string;
  error_values?: Values;
  /** For the person, a sentence each. */
  warnings: string[];
  /** What each of them is about; the transcriber's are told in JSON too. */
  remarks: (AudioWarning | Remark)[];
  model: string;
  /** Settings of the model; null before it is first transcribed. */
  decode: DecodeSettings | null;
  sample_rate: number;
  hop_length: number;
  /** Chosen by the person; null for the model's own. */
  threshold: number | null;
  minimum_duration: number | null;
  /** From where to where it is to be transcribed, in seconds; null, or not there: all of it. */
  part?: [number, number | null] | null;
  /** Where the work goes on after a break; null: from the beginning. */
  progress: Progress | null;
}

/** What of a recording is transcribed. */
export const excerptOf = ({ part }: Pick<Entry, "part">): Excerpt => ({ start: part?.[0] ?? 0, stop: part?.[1] ?? Infinity });

/** How much music that is; null where it is not known. */
export function secondsOfWork(entry: Entry): number | null {
  const { start, stop } = excerptOf(entry);
  const end = Math.min(stop, entry.duration ?? Infinity);
  return end === Infinity ? null : Math.max(0, end - start);
}

/** How far a transcription has come. */
export interface Progress {
  windows: WindowState;
  held: HeldRolls;
  nPieces: number;
  /** Samples of the sound that are kept. */
  nSamples: number;
}

/** Which window of which attempt at a recording. */
export interface PieceKey {
  id: string;
  attempt: number;
  index: number;
}

/** What one window of a recording adds to its notes ... */
export interface FoundPiece extends PieceKey {
  events: Float64Array;
  pedal: Float32Array;
}

/** ... and to its sound: 16-bit samples at the network's rate, least and greatest of each 1/50 s. */
export interface HeardPiece extends PieceKey {
  sound: Blob;
  waveform: Int8Array;
}

export interface Edit {
  step: number;
  recording: string;
  changes: Change[];
  undone: 0 | 1;
}

/** What a note becomes: another one, or none; or when the pedal is down, or up. */
export type Change = { id?: string; note: EditedNote | null; pedal?: undefined } | { pedal: PedalChange };

export interface PedalChange {
  onset: number;
  offset: number;
  down: boolean;
}

export interface EditedNote {
  onset: number;
  pitch: number;
  offset: number;
  velocity: number;
}

interface Schema extends DBSchema {
  recordings: { key: string; value: Entry };
  originals: { key: string; value: { id: string; file: Blob } };
  found: { key: [string, number, number]; value: FoundPiece };
  heard: { key: [string, number, number]; value: HeardPiece };
  edits: { key: number; value: Edit; indexes: { recording: string } };
}

export type Database = IDBPDatabase<Schema>;

const NAME = "transcribe-library";
const VERSION = 1;

/** Attempts to open the library, and milliseconds between them: it can't be while it is emptied. */
const OPENINGS = 5;
const BETWEEN_OPENINGS = 200;

/**
 * Open the library; throws where this browser lets the page keep nothing.
 *
 * @param lost called when the browser has closed it: somebody has deleted what sites have stored
 */
export async function openDatabase(lost = (): void => {}): Promise<Database> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await open(lost);
    } catch (error) {
      if ((error as Error).name === "VersionError") {
        throw new TabError(
          "newer_library",
          "What is kept here was written by a newer version of this page.",
          "Load the page again; if that does not help, close all its tabs first.",
        );
      }
      if (attempt === OPENINGS) {
        throw new TabError(
          "no_storage",
          "This browser does not let the page keep anything, which it needs for its work.",
          "Allow this page to store data (cookies and site data), or use another browser or window.",
        );
      }
    }
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_OPENINGS));
  }
}

const open = (lost: () => void): Promise<Database> =>
  openDB<Schema>(NAME, VERSION, {
    upgrade(database) {
      database.createObjectStore("recordings", { keyPath: "id" });
      database.createObjectStore("originals", { keyPath: "id" });
      database.createObjectStore("found", { keyPath: ["id", "attempt", "index"] });
      database.createObjectStore("heard", { keyPath: ["id", "attempt", "index"] });
      database
        .createObjectStore("edits", { keyPath: "step", autoIncrement: true })
        .createIndex("recording", "recording");
    },
    blocking(_, __, event) {
      (event.target as IDBDatabase).close();
    },
    terminated: lost,
  });

/** The keys of all pieces of a recording, or of one attempt at it, from one of them on. */
export const piecesOf = (id: string, attempt?: number, first = 0): IDBKeyRange =>
  attempt === undefined
    ? IDBKeyRange.bound([id], [id, []])
    : IDBKeyRange.bound([id, attempt, first], [id, attempt, []]);

/** What happens to recordings, told to all tabs and workers of the page. */
export const CHANNEL = "transcribe-library";

export type News =
  | { kind: "state" | "progress"; id: string; recording: unknown }
  | { kind: "notes"; id: string; notes: unknown[] }
  | { kind: "edited"; id: string; version: string }
  | { kind: "deleted"; id: string }
  | { kind: "queued" }
  /** What was kept may be gone. */
  | { kind: "reopened" };

/** Name of the lock that the one tab holds which transcribes. */
export const WORK_LOCK = "transcribe-work";
