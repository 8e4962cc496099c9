/** A recording's notes as a small picture for the list: as `transcribe/web/thumbnail.py`. */

import type { EditedNote } from "../library/database";

export const COLUMNS = 120;
const ROWS = 30;
const HIGHEST_PITCH = 108;
const PITCHES_PER_ROW = 3;

/** The greatest velocity in each cell, row by row, the highest keys first; 0 for none. */
export function thumbnail(notes: Iterable<EditedNote>, duration: number): Uint8Array {
  const cells = new Uint8Array(ROWS * COLUMNS);
  const scale = COLUMNS / Math.max(duration, 1e-3);
  for (const { onset, pitch, offset, velocity } of notes) {
    const row = Math.floor((HIGHEST_PITCH - pitch) / PITCHES_PER_ROW);
    const start = Math.min(Math.floor(onset * scale), COLUMNS - 1);
    const stop = Math.min(COLUMNS, Math.max(Math.floor(offset * scale), start + 1));
    for (let at = row * COLUMNS + start; at < row * COLUMNS + stop; at += 1) {
      cells[at] = Math.max(cells[at] as number, velocity);
    }
  }
  return cells;
}
