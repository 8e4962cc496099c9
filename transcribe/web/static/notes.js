/**
 * The notes of one recording, sorted by onset and found by time.
 *
 * Columns rather than objects: fifty thousand notes are looked through for every frame
 * that is drawn. Times are seconds from the start of the recording.
 */

import { DOUBTFUL } from "./words.js";

/** One note as objects go, for everything that handles few of them. */
/** @typedef {{id: string, onset: number, pitch: number, offset: number, velocity: number,
 *             confidence: number|null, hand: boolean}} Note */

export class Notes {
  /** @param {Array} rows `[id, onset, pitch, offset, velocity, confidence, hand]`, any order */
  constructor(rows = [], pedal = []) {
    this.set(rows, pedal);
  }

  /** Replace all notes and pedal presses. */
  set(rows, pedal = this.pedal) {
    this.rows = [...rows].sort((a, b) => a[1] - b[1] || a[2] - b[2]);
    this.pedal = pedal;
    const n = this.rows.length;
    this.length = n;
    this.ids = new Array(n);
    this.onset = new Float64Array(n);
    this.offset = new Float64Array(n);
    this.pitch = new Uint8Array(n);
    this.velocity = new Uint8Array(n);
    this.doubtful = new Uint8Array(n);
    this.hand = new Uint8Array(n);
    /** Latest offset among the notes up to each: where looking back in time may stop. */
    this.latest = new Float64Array(n);
    this.indexOf = new Map();
    this.nDoubtful = 0;
    let latest = 0;
    for (let i = 0; i < n; i += 1) {
      const [id, onset, pitch, offset, velocity, confidence, hand] = this.rows[i];
      this.ids[i] = id;
      this.onset[i] = onset;
      this.pitch[i] = pitch;
      this.offset[i] = offset;
      this.velocity[i] = velocity;
      this.hand[i] = hand ? 1 : 0;
      this.doubtful[i] = !hand && confidence !== null && confidence < DOUBTFUL ? 1 : 0;
      this.nDoubtful += this.doubtful[i];
      latest = Math.max(latest, offset);
      this.latest[i] = latest;
      this.indexOf.set(id, i);
    }
    this.sounding = null;
  }

  /** Take what is different: rows that are new or changed, ids that are gone. */
  apply({ changed, removed = [], pedal = this.pedal }) {
    const rows = new Map(this.rows.map((row) => [row[0], row]));
    for (const id of removed) rows.delete(id);
    for (const row of changed) rows.set(row[0], row);
    this.set(rows.values(), pedal);
  }

  /** @returns {Note} */
  at(index) {
    const [id, onset, pitch, offset, velocity, confidence, hand] = this.rows[index];
    return { id, onset, pitch, offset, velocity, confidence, hand: Boolean(hand) };
  }

  /** @returns {Note|null} */
  get(id) {
    const index = this.indexOf.get(id);
    return index === undefined ? null : this.at(index);
  }

  /** Index of the first note with an onset at or after `time`. */
  firstFrom(time) {
    return firstAtLeast(this.onset, time);
  }

  /**
   * Range of indices `[first, last)` that holds every note sounding between two times;
   * some within it may have ended before.
   */
  between(start, end) {
    return [firstAtLeast(this.latest, start), firstAtLeast(this.onset, end)];
  }

  /** The notes whose keys are down at a time. */
  soundingAt(time) {
    const [first, last] = this.between(time, time);
    const found = [];
    for (let i = first; i < last; i += 1) if (this.offset[i] > time) found.push(this.at(i));
    return found;
  }

  /** Whether the pedal is down at a time. */
  pedalAt(time) {
    return this.pedal.some(([onset, offset]) => onset <= time && time < offset);
  }

  /** Index of the note that is down at a time on a key, the latest if several; -1 if none. */
  under(time, pitch, slack = 0) {
    const [first, last] = this.between(time - slack, time + slack);
    let found = -1;
    for (let i = first; i < last; i += 1) {
      if (this.pitch[i] === pitch && this.offset[i] + slack >= time) found = i;
    }
    return found;
  }

  /** Ids of the notes that touch a box of time and pitch (pitches inclusive). */
  within(start, end, low, high) {
    const [first, last] = this.between(start, end);
    const ids = [];
    for (let i = first; i < last; i += 1) {
      if (this.offset[i] > start && this.pitch[i] >= low && this.pitch[i] <= high) {
        ids.push(this.ids[i]);
      }
    }
    return ids;
  }

  /** Index of the nearest doubtful note after an index (`step` 1) or before it (-1); or -1. */
  nextDoubtful(index, step) {
    for (let i = index + step; i >= 0 && i < this.length; i += step) {
      if (this.doubtful[i]) return i;
    }
    return -1;
  }

  /**
   * Index of the note a step away from another: `left` and `right` in time, `up` and `down`
   * the nearest in pitch among those that sound within two seconds; -1 if there is none.
   */
  neighbour(index, direction) {
    if (direction === "left") return index - 1;
    if (direction === "right") return index + 1 < this.length ? index + 1 : -1;
    const sign = direction === "up" ? 1 : -1;
    const [first, last] = this.between(this.onset[index] - 2, this.onset[index] + 2);
    let found = -1;
    let least = Infinity;
    for (let i = first; i < last; i += 1) {
      const steps = sign * (this.pitch[i] - this.pitch[index]);
      if (steps <= 0) continue;
      const distance = steps + 8 * Math.abs(this.onset[i] - this.onset[index]);
      if (distance < least) [found, least] = [i, distance];
    }
    return found;
  }

  /**
   * When each note falls silent: its key's release or, if the pedal is down then, the
   * pedal's, but no later than the next strike of the same key.
   */
  soundsUntil() {
    if (this.sounding) return this.sounding;
    const until = Float64Array.from(this.offset);
    const downs = Float64Array.from(this.pedal, ([onset]) => onset);
    const next = new Map();
    for (let i = this.length - 1; i >= 0; i -= 1) {
      let press = firstAtLeast(downs, until[i]);
      if (press === downs.length || downs[press] > until[i]) press -= 1;
      if (press >= 0) until[i] = Math.max(until[i], this.pedal[press][1]);
      const strike = next.get(this.pitch[i]);
      if (strike !== undefined) until[i] = Math.min(until[i], strike);
      next.set(this.pitch[i], this.onset[i]);
    }
    this.sounding = until;
    return until;
  }

  /** When everything is over. */
  get end() {
    return this.length ? this.latest[this.length - 1] : 0;
  }

  /** Lowest and highest key struck, or null without notes. */
  get range() {
    if (!this.length) return null;
    let [low, high] = [127, 0];
    for (const pitch of this.pitch) {
      if (pitch < low) low = pitch;
      if (pitch > high) high = pitch;
    }
    return [low, high];
  }
}

function firstAtLeast(sorted, value) {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
