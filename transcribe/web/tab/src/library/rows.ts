/** A note as the page knows it, as `transcribe/web/note_rows.py` says. */

import { rounded } from "../numbers";
import type { Struck } from "../decode/decoder";
import type { EditedNote } from "./database";

/** `[id, onset, pitch, offset, velocity, confidence, hand]` */
export type Row = [string, number, number, number, number, number | null, 0 | 1];

/** The id of a note that the model heard. */
export const modelId = ({ peak, note }: Struck): string => `m${peak}.${note.pitch}`;

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
