/**
 * The notes of a recording: the model's, at the chosen settings, with the changes made by hand.
 *
 * As `transcribe/web/note_service.py`: a page that says which version of the notes it has gets
 * what is different since then.
 */

import type { Candidates } from "../decode/candidates";
import { Decoder, type Struck } from "../decode/decoder";
import { rounded } from "../numbers";
import { inOrder, type Note, type PedalPress, type Performance, sustained } from "../performance";
import { FrameGrid } from "../settings";
import { type Database, type Edit, type EditedNote, type Entry, LOWEST_THRESHOLD, piecesOf } from "./database";
import { decodeSettings, personSettings } from "./describe";
import { type ByHand, byHand, pedalByHand } from "./edits";
import { joined } from "./job";
import { asRow, handRow, modelId, type Row } from "./rows";

/** Versions of notes that are held in memory, to tell pages what is different since. */
const MOST_ANSWERED = 6;

/** The model's notes at some settings, by id, and the pedal. */
interface Decoded {
  size: string;
  key: Map<string, Struck>;
  sounding: Map<string, Note>;
  pedal: PedalPress[];
}

interface Answered {
  rows: Map<string, Row>;
  pedal: string;
}

export class NoteService {
  private candidates: { name: string; value: Candidates } | null = null;
  private decoded: { name: string; value: Decoded } | null = null;
  private readonly answered = new Map<string, Answered>();

  constructor(private readonly database: Database) {}

  /** The notes as they are now, by id. */
  async notes(entry: Entry): Promise<Map<string, EditedNote>> {
    const { key } = await this.decode(entry);
    const notes = new Map<string, EditedNote>();
    for (const [id, { note }] of key) notes.set(id, note);
    return edited(notes, byHand(await this.counting(entry), notes));
  }

  /** What the model took for too faint at the chosen threshold, without what was changed by hand. */
  async faint(entry: Entry): Promise<Row[]> {
    if (!entry.decode) return [];
    const { key } = await this.decode(entry);
    const known = new Set(key.keys());
    const decoder = new Decoder(new FrameGrid(entry.sample_rate, entry.hop_length), {
      ...decodeSettings(entry),
      onset_threshold: LOWEST_THRESHOLD,
    });
    decoder.take(await this.read(entry));
    decoder.finish();
    const rows = new Map(decoder.struck("key").map(asRow).map((row) => [row[0], row]));
    const edits = byHand(await this.counting(entry), rows);
    return [...rows.values()].filter(([id]) => !known.has(id) && !edits.has(id));
  }

  /** The notes as they are now, ending with the key or where they cease to sound. */
  async performance(entry: Entry, offsets: "key" | "sustained" = "key"): Promise<Performance> {
    const decoded = await this.decode(entry);
    const steps = await this.counting(entry);
    const edits = byHand(steps, decoded.key);
    const pedal = pedalByHand(steps, decoded.pedal);
    const sure = ([id, note]: [string, EditedNote]): [string, Note] => [
      id,
      { ...note, confidence: edits.has(id) ? 1 : (decoded.key.get(id)?.note.confidence ?? 1) },
    ];
    const named = [...(await this.notes(entry))].map(sure).sort(([, a], [, b]) => inOrder(a, b));
    const notes = named.map(([, note]) => note);
    if (!notes.length) return { notes: [], pedal: [] };
    if (offsets === "key") return { notes, pedal };
    // A note that was changed by hand sounds as the pedal lets it; so do all if that was changed.
    const long = sustained({ notes, pedal });
    const sounding = named.map(([id], index) =>
      edits.has(id) || pedal !== decoded.pedal ? (long[index] as Note) : (decoded.sounding.get(id) as Note),
    );
    return { notes: sounding.sort(inOrder), pedal: [] };
  }

  /** The notes for the page: all, or what is different from the version `since`. */
  async answer(entry: Entry, since = ""): Promise<Record<string, unknown>> {
    const steps = await this.steps(entry);
    const counting = steps.filter((step) => !step.undone);
    const decoded = await this.decode(entry);
    const edits = byHand(counting, decoded.key);
    const rows = new Map<string, Row>();
    for (const [id, struck] of decoded.key) rows.set(id, asRow(struck));
    for (const [id, note] of edits) {
      if (note) rows.set(id, handRow(id, note));
      else rows.delete(id);
    }
    const pedal = pedalByHand(counting, decoded.pedal).map(({ onset, offset }) => [rounded(onset, 4), rounded(offset, 4)]);
    const chosen = personSettings(entry);
    const version =
      `${entry.id}.${entry.attempt}.${decoded.size}.${chosen.threshold}-` +
      `${chosen.minimum_duration}.${counting.at(-1)?.step ?? 0}`;
    const before = this.answered.get(since);
    this.remember(version, { rows, pedal: String(pedal) });
    const answer = {
      version,
      n_notes: rows.size,
      settings: chosen,
      can_undo: counting.length > 0,
      can_redo: counting.length < steps.length,
    };
    if (!before) return { ...answer, notes: [...rows.values()], pedal };
    const changed = [...rows].filter(([id, row]) => String(before.rows.get(id)) !== String(row));
    const removed = [...before.rows.keys()].filter((id) => !rows.has(id));
    return {
      ...answer,
      since,
      changed: changed.map(([, row]) => row),
      removed,
      ...(before.pedal === String(pedal) ? {} : { pedal }),
    };
  }

  private remember(version: string, answered: Answered): void {
    this.answered.delete(version);
    this.answered.set(version, answered);
    for (const name of this.answered.keys()) {
      if (this.answered.size <= MOST_ANSWERED) break;
      this.answered.delete(name);
    }
  }

  private steps(entry: Entry): Promise<Edit[]> {
    return this.database.getAllFromIndex("edits", "recording", entry.id);
  }

  private async counting(entry: Entry): Promise<Edit[]> {
    return (await this.steps(entry)).filter((step) => !step.undone);
  }

  private async decode(entry: Entry): Promise<Decoded> {
    if (!entry.decode) {
      return { size: "0", key: new Map(), sounding: new Map(), pedal: [] };
    }
    const settings = decodeSettings(entry);
    const candidates = await this.read(entry);
    const name = `${this.candidates?.name ?? ""} ${JSON.stringify(settings)}`;
    if (this.decoded?.name === name) return this.decoded.value;
    const decoder = new Decoder(new FrameGrid(entry.sample_rate, entry.hop_length), settings);
    decoder.take(candidates);
    decoder.finish();
    const value: Decoded = {
      size: `${candidates.events.length}-${candidates.pedal.length}`,
      key: new Map(decoder.struck("key").map((struck) => [modelId(struck), struck])),
      sounding: new Map(decoder.struck("sustained").map((struck) => [modelId(struck), struck.note])),
      pedal: decoder.pedal,
    };
    this.decoded = { name, value };
    return value;
  }

  private async read(entry: Entry): Promise<Candidates> {
    const range = piecesOf(entry.id, entry.attempt);
    const name = `${entry.id} ${entry.attempt} ${await this.database.count("found", range)} ${entry.state}`;
    if (this.candidates?.name !== name) {
      this.candidates = { name, value: joined(await this.database.getAll("found", range)) };
    }
    return this.candidates.value;
  }
}

function edited(notes: Map<string, EditedNote>, edits: ByHand): Map<string, EditedNote> {
  for (const [id, note] of edits) {
    if (note) notes.set(id, note);
    else notes.delete(id);
  }
  return notes;
}
