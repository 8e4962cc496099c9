/**
 * Changes by hand: sent to the program one after another, which answers with all notes.
 *
 * Each method is one step for undo. Event: `notes` when there are others.
 */

import { postEdits, postRedo, postUndo, putSettings } from "./server.js";
import { HIGHEST, LOWEST } from "./words.js";

/** Shortest a note can be made, in seconds. */
const SHORTEST = 0.02;

export class Edits extends EventTarget {
  /** @param {import("./notes.js").Notes} notes @param {(error: Error) => void} onError */
  constructor(notes, onError) {
    super();
    this.notes = notes;
    this.onError = onError;
    this.open(null);
  }

  /** Take another recording. */
  open(id) {
    this.id = id;
    this.line = Promise.resolve();
    this.canUndo = this.canRedo = false;
    /** Settings that were asked for and have not been answered. */
    this.wanted = null;
  }

  /** Show what the program answered. */
  take(answer) {
    this.notes.set(answer.notes, answer.pedal);
    this.canUndo = answer.can_undo;
    this.canRedo = answer.can_redo;
    this.dispatchEvent(new CustomEvent("notes", { detail: answer }));
  }

  /** After all earlier steps, ask the program for one; resolves to whether it was done. */
  step(request) {
    const { id } = this;
    const done = this.line.then(async () => {
      try {
        const answer = await request(id);
        if (id !== this.id || !answer) return false;
        this.take(answer);
        return true;
      } catch (error) {
        this.onError(error);
        return false;
      }
    });
    this.line = done;
    return done;
  }

  /** Read the notes anew with other settings; of several that wait only the last is done. */
  settle(settings) {
    this.wanted = settings;
    return this.step(async (id) => {
      if (this.wanted !== settings) return null;
      try {
        return await putSettings(id, settings);
      } finally {
        if (this.wanted === settings) this.wanted = null;
      }
    });
  }

  undo() {
    return this.step(postUndo);
  }

  redo() {
    return this.step(postRedo);
  }

  /** Take notes away. */
  remove(ids) {
    return this.step((id) => postEdits(id, ids.map((note) => ({ do: "delete", id: note }))));
  }

  /** Add a note; resolves to its id, or null. */
  async add({ onset, pitch, offset, velocity }) {
    const before = new Set(this.notes.ids);
    const change = { do: "add", onset, pitch, offset, velocity };
    if (!(await this.step((id) => postEdits(id, [change])))) return null;
    return this.notes.ids.find((id) => !before.has(id)) ?? null;
  }

  /** Give notes other onsets, pitches, offsets or velocities: `[{id, onset, ...}]`. */
  change(notes) {
    const changes = notes.map((note) => ({ do: "change", ...note }));
    return this.step((id) => postEdits(id, changes));
  }
}

/** Notes moved by seconds and keys, together, as far as the first of them can go. */
export function moved(notes, seconds, keys) {
  const earliest = Math.min(...notes.map((note) => note.onset));
  const pitches = notes.map((note) => note.pitch);
  const by = Math.max(seconds, -earliest);
  const up = Math.min(HIGHEST - Math.max(...pitches), Math.max(LOWEST - Math.min(...pitches), keys));
  return notes.map((note) => ({
    ...note,
    onset: note.onset + by,
    offset: note.offset + by,
    pitch: note.pitch + up,
  }));
}

/** Notes made longer (or shorter, for seconds below 0). */
export const lengthened = (notes, seconds) =>
  notes.map((note) => ({
    ...note,
    offset: Math.max(note.onset + SHORTEST, note.offset + seconds),
  }));

/** Notes struck harder (or softer, below 0). */
export const louder = (notes, by) =>
  notes.map((note) => ({ ...note, velocity: Math.min(127, Math.max(1, note.velocity + by)) }));

/** What the program needs to know of notes after a change. */
export const asChanges = (notes) =>
  notes.map(({ id, onset, pitch, offset, velocity }) => ({ id, onset, pitch, offset, velocity }));
