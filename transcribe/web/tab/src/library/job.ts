/** One recording transcribed, and what is kept of it piece by piece in the library. */

import type { Candidates } from "../decode/candidates";
import { Decoder } from "../decode/decoder";
import type { HeardSound } from "../engine/hearing";
import { HearingAhead } from "../engine/hearing-ahead";
import { asSentence, sentenceOf } from "../engine/quality";
import { conclude, type Model, rangeOf, type Step, steps } from "../engine/transcription";
import { inWords, notHere, RecordingError } from "../errors";
import type { DecodeQuestion } from "../sound.worker";
import { clipped } from "../numbers";
import { FrameGrid } from "../settings";
import {
  type Database,
  type Entry,
  excerptOf,
  LOWEST_THRESHOLD,
  type News,
  PAIRS_PER_SECOND,
  piecesOf,
  WITHOUT_ERROR,
} from "./database";
import { describe } from "./describe";
import { asRow, type Row } from "./rows";

/** Seconds; a longer recording is refused, as it would fill the disk with silence. */
const LONGEST = 12 * 3600;

/** Said while a device takes longer than the music lasts. */
const SLOW =
  "This device is slow: it takes longer than the music lasts. Leave the page open, and the device " +
  "plugged in; what is found is kept.";

function isSlow({ duration, heard_seconds, seconds_left }: Entry): boolean {
  return duration !== null && seconds_left !== null && seconds_left > duration - heard_seconds;
}

/** Thrown where somebody has stopped the work, paused it, or deleted the recording. */
class StoppedError extends Error {}

/** Has the page decode a file that the browser streams not. */
export type AskPage = (question: DecodeQuestion) => void;

/**
 * Transcribe a recording, from the beginning or from where it was left.
 *
 * Resolves to false where it failed and not even that could be kept: the storage is full.
 */
export async function transcribeEntry(
  database: Database,
  id: string,
  load: () => Promise<Model>,
  askPage: AskPage,
  tell: (news: News) => void,
): Promise<boolean> {
  const kept = new KeptEntry(database, id, tell);
  try {
    await new Job(kept, await load()).run(askPage);
    return true;
  } catch (error) {
    return error instanceof StoppedError || kept.fail(error);
  }
}

/** The entry of a recording in the library, which others may change meanwhile. */
class KeptEntry {
  constructor(
    readonly database: Database,
    readonly id: string,
    readonly tell: (news: News) => void,
  ) {}

  /** Say why it can't go on; resolves to whether that is kept, too. */
  async fail(error: unknown): Promise<boolean> {
    const { message, hint, kind, values } = inWords(error);
    console.warn("transcribing failed:", error);
    const words = { error: message, hint, error_kind: kind, error_values: values };
    const failed = { state: "failed", ...words, seconds_left: null } as const;
    try {
      await this.change((entry) => Object.assign(entry, failed), "state");
      return true;
    } catch {
      const entry = await this.database.get("recordings", this.id);
      if (!entry) return true;
      this.tell({ kind: "state", id: this.id, recording: describe({ ...entry, ...failed }, 0) });
      return false;
    }
  }

  /** Change the entry as it is now, add what a window has brought, and tell of it. */
  async change(
    how: (entry: Entry) => void,
    news?: "state" | "progress",
    index = 0,
    found?: Candidates,
    heard?: { sound: Blob; waveform: Int8Array },
  ): Promise<Entry> {
    const stores = ["recordings", "found", "heard", "edits"] as const;
    const transaction = this.database.transaction(stores, "readwrite");
    const done = transaction.done.catch((error: unknown) => {
      throw error ?? new DOMException("not enough room", "QuotaExceededError");
    });
    done.catch(() => {});
    const entry = await transaction.objectStore("recordings").get(this.id);
    if (!entry) throw new StoppedError(notHere().message);
    try {
      how(entry);
    } catch (error) {
      transaction.abort();
      throw error;
    }
    transaction.objectStore("recordings").put(entry).catch(() => {});
    const key = { id: this.id, attempt: entry.attempt, index };
    if (found) transaction.objectStore("found").put({ ...key, ...found }).catch(() => {});
    if (heard) transaction.objectStore("heard").put({ ...key, ...heard }).catch(() => {});
    const steps = await transaction.objectStore("edits").index("recording").getAll(this.id);
    await done;
    const last = steps.filter((step) => !step.undone).at(-1)?.step ?? 0;
    if (news) this.tell({ kind: news, id: this.id, recording: describe(entry, last) });
    return entry;
  }
}

class Job {
  private nSamples = 0;
  private nPieces = 0;
  private nKept = 0;
  private rest = new Float32Array(0);
  private readonly decoder: Decoder;
  private readonly told = new Map<string, string>();
  private nSettled = 0;
  private readonly began = performance.now();
  private heardBefore = 0;

  constructor(
    private readonly kept: KeptEntry,
    private readonly model: Model,
  ) {
    this.decoder = new Decoder(this.grid, model.settings.decode);
  }

  private get grid(): FrameGrid {
    const { sample_rate, hop_length } = this.model.settings.features;
    return new FrameGrid(sample_rate, hop_length);
  }

  async run(askPage: AskPage): Promise<void> {
    const original = await this.kept.database.get("originals", this.kept.id);
    if (!original) throw new StoppedError();
    const entry = await this.begin();
    const [resumed, excerpt] = [entry.progress, excerptOf(entry)];
    const hearing = await HearingAhead.open(original.file, this.model, rangeOf(this.model, resumed, excerpt), askPage);
    try {
      if ((hearing.duration ?? 0) > LONGEST) throw new RecordingError("too_long");
      await this.kept.change((now) => (now.duration ??= hearing.duration), "progress");
      if (resumed) await this.resume(entry);
      for await (const step of steps(hearing.blocks(), this.model, LOWEST_THRESHOLD, resumed, excerpt)) {
        if (step.read > LONGEST) throw new RecordingError("too_long");
        await this.keep(step);
      }
      await this.finish(hearing.heard);
    } finally {
      hearing.close();
    }
  }

  /** Say that the recording is in work. */
  private begin(): Promise<Entry> {
    const { settings } = this.model;
    return this.kept.change((entry) => {
      if (entry.state !== "queued" && entry.state !== "working") throw new StoppedError();
      const asNow =
        entry.model === settings.name && isSame(entry.decode, settings.decode);
      if (!asNow || !entry.progress) {
        entry.attempt += 1;
        entry.progress = null;
        entry.heard_seconds = 0;
      }
      Object.assign(entry, {
        state: "working",
        ...WITHOUT_ERROR,
        model: settings.name,
        decode: settings.decode,
        sample_rate: settings.features.sample_rate,
        hop_length: settings.features.hop_length,
        seconds_left: null,
      });
    }, "state");
  }

  /** Take up what is kept of this attempt already. */
  private async resume(entry: Entry): Promise<void> {
    const { progress, attempt } = entry;
    if (!progress) return;
    this.nPieces = progress.nPieces;
    this.nKept = progress.nSamples;
    this.heardBefore = entry.heard_seconds;
    const kept = await this.kept.database.getAll("found", piecesOf(this.kept.id, attempt));
    for (const piece of kept) this.decoder.take(piece);
    this.newRows();
  }

  /** Keep what a step found, in one transaction with where to go on. */
  private async keep(step: Step): Promise<void> {
    this.decoder.take(step.candidates);
    const { sound, waveform } = this.soundOf(step.samples);
    const { events, pedal } = step.candidates;
    if (!sound.size && !waveform.length && !events.length && !pedal.length) return this.goOn();
    const notes = this.newRows();
    const entry = await this.kept.change(
      (now) => {
        if (now.state !== "working") throw new StoppedError();
        now.heard_seconds = step.seconds;
        now.n_notes = this.decoder.nNotes;
        now.seconds_left = this.secondsLeft(now);
        now.warnings = isSlow(now) ? [SLOW] : [];
        now.remarks = isSlow(now) ? [{ kind: "slow", values: {} }] : [];
        now.progress = {
          windows: step.windows,
          held: step.held,
          nPieces: this.nPieces + 1,
          nSamples: Math.max(this.nKept, this.nSamples),
        };
      },
      "progress",
      this.nPieces,
      step.candidates,
      { sound, waveform },
    );
    this.nPieces += 1;
    this.nKept = Math.max(this.nKept, this.nSamples);
    if (notes.length) this.kept.tell({ kind: "notes", id: entry.id, notes });
  }

  /** Nothing is to be kept; see whether to stop. */
  private async goOn(): Promise<void> {
    const entry = await this.kept.database.get("recordings", this.kept.id);
    if (entry?.state !== "working") throw new StoppedError();
  }

  private secondsLeft(entry: Entry): number | null {
    const seconds = (performance.now() - this.began) / 1000;
    const { start, stop } = excerptOf(entry);
    const heard = entry.heard_seconds - Math.max(start, this.heardBefore);
    if (!entry.duration || heard <= 0) return null;
    const end = Math.min(stop, entry.duration);
    return Math.max(0, ((end - entry.heard_seconds) * seconds) / heard);
  }

  /** The samples of a step that are not kept yet, as 16 bits, and their waveform. */
  private soundOf(blocks: Float32Array[]): { sound: Blob; waveform: Int8Array } {
    const parts: Int16Array<ArrayBuffer>[] = [];
    const pairs: number[] = [];
    const perPair = Math.floor(this.grid.sampleRate / PAIRS_PER_SECOND);
    for (const block of blocks) {
      const known = clipped(this.nKept - this.nSamples, 0, block.length);
      this.nSamples += block.length;
      const fresh = block.subarray(known);
      const whole = new Int16Array(fresh.length);
      for (let i = 0; i < whole.length; i += 1) whole[i] = Math.round(clipped(fresh[i] as number, -1, 1) * 32767);
      parts.push(whole);
      const joined = new Float32Array(this.rest.length + fresh.length);
      joined.set(this.rest);
      joined.set(fresh, this.rest.length);
      let start = 0;
      for (; start + perPair <= joined.length; start += perPair) {
        let [least, most] = [1, -1];
        for (let i = start; i < start + perPair; i += 1) {
          const sample = joined[i] as number;
          if (sample < least) least = sample;
          if (sample > most) most = sample;
        }
        pairs.push(Math.round(clipped(least, -1, 1) * 127), Math.round(clipped(most, -1, 1) * 127));
      }
      this.rest = joined.slice(start);
    }
    return { sound: new Blob(parts), waveform: Int8Array.from(pairs) };
  }

  /** Rows of notes that are new, or other than they were told. */
  private newRows(): Row[] {
    const start = this.nSettled;
    this.nSettled = this.decoder.nSettled;
    const rows = this.decoder.struck("key", start).map(asRow);
    const news = rows.filter((row) => this.told.get(row[0]) !== String(row));
    this.told.clear();
    for (const row of rows) this.told.set(row[0], String(row));
    return news;
  }

  private async finish(sound: HeardSound): Promise<void> {
    const entry = await this.kept.database.get("recordings", this.kept.id);
    if (!entry) return;
    const kept = await this.kept.database.getAll("found", piecesOf(this.kept.id, entry.attempt));
    const found = conclude(sound, joined(kept), this.model.settings.decode, this.grid, excerptOf(entry));
    if (found.isSilent) await this.forgetNotes(entry);
    await this.kept.change((now) => {
      if (now.state !== "working") throw new StoppedError(); // stopped, or a part was chosen, just now
      now.state = "done";
      now.duration = now.heard_seconds = sound.duration;
      now.seconds_left = null;
      now.progress = null;
      now.n_notes = found.nNotes;
      now.remarks = found.warnings;
      now.warnings = found.warnings.map((warning) => asSentence(sentenceOf(warning)));
    }, "state");
  }

  private async forgetNotes({ attempt }: Entry): Promise<void> {
    const transaction = this.kept.database.transaction("found", "readwrite");
    for await (const cursor of transaction.store.iterate(piecesOf(this.kept.id, attempt))) {
      const [events, pedal] = [new Float64Array(0), new Float32Array(0)];
      await cursor.update({ ...cursor.value, events, pedal });
    }
    await transaction.done;
  }
}

/** The candidates of all pieces as one. */
export function joined(pieces: Candidates[]): Candidates {
  const events = new Float64Array(pieces.reduce((sum, piece) => sum + piece.events.length, 0));
  const pedal = new Float32Array(pieces.reduce((sum, piece) => sum + piece.pedal.length, 0));
  let [event, frame] = [0, 0];
  for (const piece of pieces) {
    events.set(piece.events, event);
    pedal.set(piece.pedal, frame);
    event += piece.events.length;
    frame += piece.pedal.length;
  }
  return { events, pedal };
}

/** Whether two lots of settings are the same, however they are ordered. */
function isSame(one: object | null, other: object): boolean {
  const sorted = (all: object | null) => JSON.stringify(Object.entries(all ?? {}).sort());
  return sorted(one) === sorted(other);
}
