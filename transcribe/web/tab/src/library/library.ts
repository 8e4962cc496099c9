/**
 * What the page asks of the tab, one method for each question of `static/server.js`.
 *
 * It runs in a worker of its own; several tabs each have one, over the same database.
 */

import { notHere, TabError, unreadable } from "../errors";
import { shownName, suffixOf } from "../export/names";
import { thumbnail } from "../export/thumbnail";
import {
  type Change,
  type Database,
  type Edit,
  type Entry,
  type News,
  openDatabase,
  piecesOf,
  WITHOUT_ERROR,
} from "./database";
import { describe, type RecordingWords } from "./describe";
import { type Download, Downloads, type PlayedNotes } from "./downloads";
import { type Asked, LONGEST, resolved } from "./edits";
import { KeptSound, type Waveform } from "./kept-sound";
import { NoteService } from "./notes";

/** Endings of the files that are offered when choosing some. */
const ENDINGS = [
  "wav", "flac", "mp3", "ogg", "oga", "opus", "m4a", "aac", "mp4", "mov", "webm", "mkv", "mka", "weba", "m4b", "m4v",
].map((ending) => `.${ending}`);
const THRESHOLDS = [0.05, 0.95];
const LONGEST_MINIMUM = 2;
/** Seconds; the shortest part of a recording that can be transcribed. */
const SHORTEST_PART = 0.5;
/** Bytes that are left free when a recording is added; transcribing needs some as well. */
const SPARE = 50e6;
const MOST_RECORDINGS = 1000;

export class Library {
  private readonly noteService: NoteService;
  private readonly sound: KeptSound;
  private readonly downloads: Downloads;
  /** Changes of a recording, one after the other. */
  private line: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly database: Database,
    private readonly tell: (news: News) => void,
    version: string,
  ) {
    this.noteService = new NoteService(database);
    this.sound = new KeptSound(database);
    this.downloads = new Downloads(database, this.noteService, version);
  }

  /** @param lost called when the browser has closed the library; another can be opened then. */
  static async open(tell: (news: News) => void, version: string, lost: () => void): Promise<Library> {
    return new Library(await openDatabase(lost), tell, version);
  }

  // --- recordings ---

  async listRecordings(): Promise<Record<string, unknown>> {
    const entries = await this.database.getAll("recordings");
    entries.sort((a, b) => b.created - a.created || b.number - a.number);
    const recordings = await Promise.all(entries.map((entry) => this.describe(entry, entries)));
    const { quota, usage } = await navigator.storage.estimate();
    return {
      recordings,
      limits: {
        upload_bytes: null,
        n_recordings: MOST_RECORDINGS,
        endings: ENDINGS,
        threshold: THRESHOLDS,
        minimum_duration: [0, LONGEST_MINIMUM],
      },
      bytes_used: usage ?? 0,
      bytes_free: Math.max(0, (quota ?? 0) - (usage ?? 0)),
    };
  }

  async getRecording(id: string): Promise<RecordingWords> {
    return this.describe(await this.entry(id));
  }

  async upload(file: Blob, name: string): Promise<RecordingWords> {
    if (!file.size) {
      throw new TabError("empty_file", "This file is empty.", "Choose another, or copy it again.", 400);
    }
    await readable(file);
    const { quota, usage } = await navigator.storage.estimate();
    if (quota !== undefined && quota - (usage ?? 0) - file.size < SPARE) {
      throw new DOMException("not enough room", "QuotaExceededError");
    }
    const entries = await this.database.getAll("recordings");
    if (entries.length >= MOST_RECORDINGS) {
      throw new TabError(
        "too_many",
        `There are ${MOST_RECORDINGS} recordings already, as many as there may be.`,
        "Delete some that you no longer need, then try again.",
        409,
        { most: MOST_RECORDINGS },
      );
    }
    const entry: Entry = {
      id: crypto.randomUUID(),
      name: shownName(name),
      created: Date.now() / 1000,
      bytes: file.size,
      number: 1 + Math.max(0, ...entries.map((each) => each.number)),
      state: "queued",
      attempt: 0,
      duration: null,
      heard_seconds: 0,
      seconds_left: null,
      n_notes: 0,
      ...WITHOUT_ERROR,
      warnings: [],
      remarks: [],
      model: "",
      decode: null,
      sample_rate: 16_000,
      hop_length: 512,
      threshold: null,
      minimum_duration: null,
      part: null,
      progress: null,
    };
    const transaction = this.database.transaction(["recordings", "originals"], "readwrite", {
      durability: "strict",
    });
    await Promise.all([
      transaction.objectStore("recordings").put(entry),
      transaction.objectStore("originals").put({ id: entry.id, file }),
      transaction.done,
    ]);
    const words = await this.describe(entry);
    this.tell({ kind: "state", id: entry.id, recording: words });
    this.tell({ kind: "queued" });
    return words;
  }

  /** Call a recording something else; its file's ending stays. */
  renameRecording(id: string, name: string): Promise<RecordingWords> {
    if (!name.trim()) {
      throw new TabError("no_name", "A recording needs a name.", "Type a letter at least.", 422);
    }
    return this.turn(id, (entry) => {
      entry.name = shownName(name, suffixOf(entry.name));
    });
  }

  async removeRecording(id: string): Promise<null> {
    const transaction = this.database.transaction(
      ["recordings", "originals", "found", "heard", "edits"],
      "readwrite",
    );
    const steps = await transaction.objectStore("edits").index("recording").getAllKeys(id);
    await Promise.all([
      transaction.objectStore("recordings").delete(id),
      transaction.objectStore("originals").delete(id),
      transaction.objectStore("found").delete(piecesOf(id)),
      transaction.objectStore("heard").delete(piecesOf(id)),
      ...steps.map((step) => transaction.objectStore("edits").delete(step)),
      transaction.done,
    ]);
    this.tell({ kind: "deleted", id });
    this.tell({ kind: "queued" }); // there is more room now
    return null;
  }

  /** Stop transcribing; the notes found so far are kept. */
  cancelRecording(id: string): Promise<RecordingWords> {
    return this.turn(id, (entry) => {
      if (["queued", "working", "paused"].includes(entry.state)) entry.state = "cancelled";
    });
  }

  /** Stop for a while; `resumeRecording` goes on from there. */
  pauseRecording(id: string): Promise<RecordingWords> {
    return this.turn(id, (entry) => {
      if (["queued", "working"].includes(entry.state)) entry.state = "paused";
    });
  }

  async resumeRecording(id: string): Promise<RecordingWords> {
    const words = await this.turn(id, (entry) => {
      if (entry.state === "paused") entry.state = "queued";
    });
    this.tell({ kind: "queued" });
    return words;
  }

  /** Transcribe on after a failure or a cancel, from where it was. */
  async repeatRecording(id: string): Promise<RecordingWords> {
    const number = 1 + Math.max(0, ...(await this.database.getAll("recordings")).map((each) => each.number));
    const words = await this.turn(id, (entry) => {
      // One that says it is in work may have failed when not even that could be kept.
      if (entry.state === "done") {
        throw new TabError("done_already", "This recording is done already.", "", 409);
      }
      Object.assign(entry, { state: "queued", number, ...WITHOUT_ERROR, warnings: [], remarks: [] });
    });
    this.tell({ kind: "queued" });
    return words;
  }

  /** Transcribe a part only, or with neither time all of it, from the beginning. */
  async putPart(id: string, part: { from: number | null; to: number | null }): Promise<RecordingWords> {
    const number = 1 + Math.max(0, ...(await this.database.getAll("recordings")).map((each) => each.number));
    let attempt = 0;
    const words = await this.turn(id, (entry) => {
      const longest = entry.duration ?? LONGEST;
      const start = within(part.from, 0, longest) ?? 0;
      const stop = within(part.to, 0, longest);
      if ((stop ?? longest) - start < SHORTEST_PART) {
        const seconds = ((stop ?? longest) - start).toFixed(1);
        throw new TabError(
          "no_part",
          `A part lasts ${SHORTEST_PART} s or more; this one would last ${seconds} s.`,
          "Choose an end that is later than the beginning.",
          422,
          { least: SHORTEST_PART, seconds },
        );
      }
      const toEnd = stop === null || (entry.duration !== null && stop >= entry.duration);
      entry.part = start === 0 && toEnd ? null : [start, toEnd ? null : stop];
      attempt = entry.attempt;
      entry.attempt += 1;
      Object.assign(entry, { state: "queued", number, progress: null, heard_seconds: 0 });
      Object.assign(entry, { ...WITHOUT_ERROR, warnings: [], remarks: [] });
    });
    const transaction = this.database.transaction(["found", "heard"], "readwrite");
    await Promise.all([
      transaction.objectStore("found").delete(piecesOf(id, attempt)),
      transaction.objectStore("heard").delete(piecesOf(id, attempt)),
      transaction.done,
    ]);
    this.tell({ kind: "queued" });
    return words;
  }

  // --- notes ---

  async getNotes(id: string, since: string): Promise<unknown> {
    return this.noteService.answer(await this.entry(id), since);
  }

  async getFaint(id: string): Promise<unknown> {
    return this.noteService.faint(await this.entry(id));
  }

  putSettings(
    id: string,
    since: string,
    { threshold, minimum_duration }: { threshold?: number | null; minimum_duration?: number | null },
  ): Promise<unknown> {
    return this.changed(id, since, async (entry) => {
      if (threshold !== undefined) entry.threshold = within(threshold, 0.05, 0.95);
      if (minimum_duration !== undefined) {
        entry.minimum_duration = within(minimum_duration, 0, LONGEST_MINIMUM);
      }
    });
  }

  postEdits(id: string, since: string, changes: Asked[]): Promise<unknown> {
    return this.changed(id, since, async (entry) => {
      const notes = await this.noteService.notes(entry);
      await this.addEdit(id, resolved(changes, notes, entry.duration ?? LONGEST));
    });
  }

  postUndo(id: string, since: string): Promise<unknown> {
    return this.changed(id, since, () => this.move(id, 0, "undo"));
  }

  postRedo(id: string, since: string): Promise<unknown> {
    return this.changed(id, since, () => this.move(id, 1, "redo"));
  }

  // --- sound and files ---

  /** The notes as a small picture, for the list. */
  async getThumbnail(id: string): Promise<Uint8Array> {
    const entry = await this.entry(id);
    const notes = [...(await this.noteService.notes(entry)).values()];
    const end = notes.reduce((latest, note) => Math.max(latest, note.offset), 0);
    return thumbnail(notes, entry.duration || end);
  }

  async getWaveform(id: string): Promise<Waveform> {
    return this.sound.waveform(await this.entry(id));
  }

  async getSoundFile(id: string): Promise<Blob> {
    return this.sound.file(await this.entry(id));
  }

  async getSpectrogram(id: string, level: number, number: number): Promise<Uint8Array> {
    return this.sound.spectrogram(await this.entry(id), level, number);
  }

  async getDownload(id: string, kind: string): Promise<Download> {
    return this.downloads.file(await this.entry(id), kind);
  }

  async getRoll(id: string): Promise<{ pages: string[]; name: string }> {
    return this.downloads.roll(await this.entry(id));
  }

  async getPlayed(id: string): Promise<PlayedNotes> {
    return this.downloads.played(await this.entry(id));
  }

  /** Forget everything. */
  async clear(): Promise<null> {
    const ids = await this.database.getAllKeys("recordings");
    for (const id of ids) await this.removeRecording(id);
    return null;
  }

  // --- within ---

  private async entry(id: string): Promise<Entry> {
    const entry = await this.database.get("recordings", id);
    if (!entry) throw notHere();
    return entry;
  }

  private steps(id: string): Promise<Edit[]> {
    return this.database.getAllFromIndex("edits", "recording", id);
  }

  private async describe(entry: Entry, entries?: Entry[]): Promise<RecordingWords> {
    const last = (await this.steps(entry.id)).filter((step) => !step.undone).at(-1)?.step ?? 0;
    if (entry.state !== "queued") return describe(entry, last);
    const all = entries ?? (await this.database.getAll("recordings"));
    const before = all.filter(
      (other) =>
        other.state === "working" || (other.state === "queued" && other.number < entry.number),
    );
    const [first] = before;
    const seconds = before.length === 1 && first ? first.seconds_left : null;
    return describe(entry, last, { n: before.length, seconds });
  }

  /** Change the state of a recording and tell of it. */
  private async turn(id: string, how: (entry: Entry) => void): Promise<RecordingWords> {
    const entry = await this.update(id, how);
    const words = await this.describe(entry);
    this.tell({ kind: "state", id, recording: words });
    return words;
  }

  private async update(id: string, how: (entry: Entry) => void): Promise<Entry> {
    const transaction = this.database.transaction("recordings", "readwrite");
    const entry = await transaction.store.get(id);
    if (!entry) throw notHere();
    how(entry);
    await Promise.all([transaction.store.put(entry), transaction.done]);
    return entry;
  }

  /** Make one change after the other; answer with what is different. */
  private changed(
    id: string,
    since: string,
    change: (entry: Entry) => Promise<void>,
  ): Promise<unknown> {
    const done = this.line.then(async () => {
      const before = await this.entry(id);
      await change(before);
      const { threshold, minimum_duration } = before;
      const answer = await this.noteService.answer(before, since);
      const entry = await this.update(id, (now) => {
        Object.assign(now, { threshold, minimum_duration });
        if (now.state !== "working") now.n_notes = answer.n_notes as number;
      });
      this.tell({ kind: "state", id, recording: await this.describe(entry) });
      this.tell({ kind: "edited", id, version: answer.version as string });
      return answer;
    });
    this.line = done.catch(() => {});
    return done;
  }

  private async addEdit(id: string, changes: Change[]): Promise<void> {
    const transaction = this.database.transaction("edits", "readwrite");
    const steps = await transaction.store.index("recording").getAll(id);
    await Promise.all([
      ...steps.filter((step) => step.undone).map((step) => transaction.store.delete(step.step)),
      transaction.store.add({ recording: id, changes, undone: 0 } as unknown as Edit),
      transaction.done,
    ]);
  }

  /** Undo the last step that counts (`undone` 0), or redo the first that does not (1). */
  private async move(id: string, undone: 0 | 1, nothing: "undo" | "redo"): Promise<void> {
    const transaction = this.database.transaction("edits", "readwrite");
    const steps = (await transaction.store.index("recording").getAll(id)).filter(
      (step) => step.undone === undone,
    );
    const step = undone ? steps[0] : steps.at(-1);
    if (!step) throw new TabError(`nothing_to_${nothing}`, `There is nothing to ${nothing}.`, "", 409);
    await Promise.all([transaction.store.put({ ...step, undone: undone ? 0 : 1 }), transaction.done]);
  }
}

/** Throws where the browser can't read a file that was chosen before. */
async function readable(file: Blob): Promise<void> {
  try {
    await file.slice(0, 1).arrayBuffer();
  } catch {
    throw unreadable();
  }
}

function within(value: number | null, least: number, most: number): number | null {
  if (value !== null && !(value >= least && value <= most)) {
    throw new TabError("invalid", `A number from ${least} to ${most} was expected.`, "", 422);
  }
  return value;
}
