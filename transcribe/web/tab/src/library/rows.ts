/** A note as the page knows it, as `transcribe/web/note_rows.py` says. */

import { rounded } from "../numbers";
import type { Struck } from "../decode/decoder";
import type { EditedNote } from "./database";

/** `[id, onset, pitch, offset, velocity, confidence, hand]` */
export type Row = [string, number, number, number, number, number | null, 0 | 1];

/** The id of a note that the model heard. */
export const modelId = ({ peak, note }: Struck): string => `m${peak}.${note.pitch}`;

/** The id among those present of the note that had this one, or this one if there is none. */
export function presentId(id: string, present: ReadonlyMap<string, unknown>): string {
  const parts = /^m(\d{1,9})\.(\d{1,3})$/.exec(id);
  if (present.has(id) || !parts) return id;
  const near = [-1, 1].map((step) => `m${Number(parts[1]) + step}.${parts[2]}`);
  return near.find((each) => present.has(each)) ?? id;
}

/** A note that the model heard. */
export const asRow = (struck: Struck): Row => [
  modelId(struck),
  rounded(struck.note.onset, 4),
  struck.note.pitch,
  rounded(struck.note.offset, 4),
  struck.note.velocity,
  rounded(struck.note.confidence, 3),
  0,
];

/** A note that was changed or added by hand. */
export const handRow = (id: string, note: EditedNote): Row => [
  id,
  rounded(note.onset, 4),
  note.pitch,
  rounded(note.offset, 4),
  note.velocity,
  null,
  1,
];
