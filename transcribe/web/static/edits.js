/**
 * Changes by hand: sent to the server one after another.
 *
 * The server answers with what is different since the version of the notes that the page has,
 * so several windows can edit the same recording. Each method is one step for undo.
 * Event: `notes` when there are others.
 */

import * as server from "./server.js";
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

  /** Begin with another recording. */
  open(id) {
    this.id = id;
    /** Resolves when everything that was asked for is answered. */
    this.line = Promise.resolve();
    this.canUndo = this.canRedo = false;
    /** Settings that were asked for and have not been answered. */
    this.wanted = null;
    /** The version of the notes that are shown; empty if the server knows no such version. */
    this.version = "";
  }

  /** Show what the server answered. */
  show(answer) {
    if (answer.notes) this.notes.set(answer.notes, answer.pedal);
    else this.notes.apply(answer);
    this.version = answer.version;
    this.canUndo = answer.can_undo;
    this.canRedo = answer.can_redo;
    this.dispatchEvent(new CustomEvent("notes", { detail: answer }));
  }

  /** Take notes that came while the recording is being transcribed. */
  merge(rows) {
    this.notes.apply({ changed: rows });
    this.version = "";
  }

  /** After all earlier steps, ask the server for one; resolves to whether it was done. */
  step(request) {
    const { id } = this;
    const done = this.line.then(async () => {
      if (id !== this.id) return false;
      try {
        const answer = await request(id, this.version);
        if (id !== this.id || !answer) return false;
        this.show(answer);
        return true;
      } catch (error) {
        this.onError(error);
        return false;
      }
    });
    this.line = done;
    return done;
  }

  /** Fetch the notes as they are now, unless they are of this version already. */
  refresh(version = null) {
    return this.step(async (id, since) => {
      if (since === version) return null;
      const answer = await server.getNotes(id, since);
      return answer.version === since ? null : answer;
    });
  }

  /** Read the notes anew with other settings; of several that wait only the last is done. */
  settle(settings) {
    this.wanted = settings;
    return this.step(async (id, since) => {
      if (this.wanted !== settings) return null;
      try {
        return await server.putSettings(id, since, settings);
      } finally {
        if (this.wanted === settings) this.wanted = null;
      }
    });
  }

  /** Take the last step back, also one that is still under way; false if there is none. */
  undo() {
    return this.step((id, since) => (this.canUndo ? server.postUndo(id, since) : null));
  }

  /** Do again what was taken back last; false if there is nothing. */
  redo() {
    return this.step((id, since) => (this.canRedo ? server.postRedo(id, since) : null));
  }

  /** Delete notes. */
  remove(ids) {
    return this.post(ids.map((id) => ({ do: "delete", id })));
  }

  /** Add a note; resolves to its id, or null. */
  async add(note) {
    return (await this.addAll([note]))[0] ?? null;
  }

  /**
   * Add notes, and change some others in the same step; resolves to the ids of the new ones.
   * Those with an id are what was too faint.
   */
  async addAll(notes, changed = []) {
    const added = notes.map(({ id, onset, pitch, offset, velocity }) => ({ do: "add", id, onset, pitch, offset, velocity }));
    let before;
    const done = await this.step((id, since) => {
      before = new Set(this.notes.ids);
      const changes = [...added, ...changed.map((note) => ({ do: "change", ...note }))];
      return server.postEdits(id, since, changes);
    });
    return done ? this.notes.ids.filter((id) => !before.has(id)) : [];
  }

  /** Let the pedal be down, or up, from one second to another. */
  pedal(onset, offset, down) {
    return this.post([{ do: "pedal", onset, offset, down }]);
  }

  /** Make changes as one step; resolves to whether they were made. */
  post(changes) {
    return this.step((id, since) => server.postEdits(id, since, changes));
  }

  /** Give notes other onsets, pitches, offsets or velocities: `[{id, onset, ...}]`. */
  change(notes) {
    return this.post(notes.map((note) => ({ do: "change", ...note })));
  }
}

/** Notes moved by seconds and keys, together, as far as all can go in music of a duration. */
export function moved(notes, seconds, keys, duration = Infinity) {
  let [first, last, low, high] = [Infinity, 0, HIGHEST, LOWEST];
  for (const { onset, pitch } of notes) {
    [first, last] = [Math.min(first, onset), Math.max(last, onset)];
    [low, high] = [Math.min(low, pitch), Math.max(high, pitch)];
  }
  const by = Math.max(Math.min(seconds, Math.max(0, duration - last)), -first);
  const up = Math.min(HIGHEST - high, Math.max(LOWEST - low, keys));
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

/** What the server needs to know of notes after a change. */
export const asChanges = (notes) =>
  notes.map(({ id, onset, pitch, offset, velocity }) => ({ id, onset, pitch, offset, velocity }));
