/** The music itself: notes, pedal presses, and the one sustain-pedal rule (`transcribe/notes.py`). */

import { firstAbove } from "./numbers";

/** One struck key. Times are seconds from the start of the recording. */
export interface Note {
  onset: number;
  /** MIDI number, 21 (A0) to 108 (C8). */
  pitch: number;
  /** Key release; `0 <= onset < offset`. */
  offset: number;
  /** MIDI, 1 to 127. */
  velocity: number;
  /** Probability, 0 to 1, that this note was played. */
  confidence: number;
}

export interface PedalPress {
  onset: number;
  offset: number;
}

/** Notes sorted by `inOrder`, and pedal presses in order. */
export interface Performance {
  notes: Note[];
  pedal: PedalPress[];
}

/** By onset, then pitch, then offset, then velocity. */
export const inOrder = (a: Note, b: Note): number =>
  a.onset - b.onset || a.pitch - b.pitch || a.offset - b.offset || a.velocity - b.velocity;

/** Seconds until the last key and the pedal are up; 0 for no notes and no pedal. */
export const durationOf = ({ notes, pedal }: Performance): number =>
  [...notes, ...pedal].reduce((latest, { offset }) => Math.max(latest, offset), 0);

/** Each note prolonged to where the sustain pedal lets it end, in the order of the notes. */
export function sustained({ notes, pedal }: Performance): Note[] {
  const strikes = new Map<number, number[]>();
  for (const { pitch, onset } of notes) {
    const same = strikes.get(pitch);
    if (same) same.push(onset);
    else strikes.set(pitch, [onset]);
  }
  const downs = pedal.map((press) => press.onset);
  return notes.map((note) => {
    let { offset } = note;
    const press = pedal[firstAbove(downs, offset) - 1];
    if (press) offset = Math.max(offset, press.offset);
    const same = strikes.get(note.pitch) as number[];
    const following = same[firstAbove(same, note.onset)];
    if (following !== undefined) offset = Math.min(offset, following);
    return { ...note, offset };
  });
}

/** Notes cut at the next onset of their pitch; of notes struck together the longest is kept. */
export function withoutOverlaps(notes: readonly Note[]): Note[] {
  const kept: Note[] = [];
  const last = new Map<number, number>();
  for (const note of [...notes].sort(inOrder)) {
    const index = last.get(note.pitch);
    const before = index === undefined ? undefined : kept[index];
    if (index !== undefined && before && before.offset > note.onset) {
      if (before.onset === note.onset) {
        kept[index] = note.offset > before.offset ? note : before;
        continue;
      }
      kept[index] = { ...before, offset: note.onset };
    }
    last.set(note.pitch, kept.length);
    kept.push(note);
  }
  return kept;
}
