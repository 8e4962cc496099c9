/** Changes made to notes by hand, applied on top of the model's; as `transcribe/web/edits.py`. */

import { TabError } from "../errors";
import { HIGHEST_PITCH, LOWEST_PITCH } from "../decode/rolls";
import { fixed, roundHalfEven } from "../numbers";
import type { Change, Edit, EditedNote } from "./database";

/** Seconds; the latest time a note may have in a recording of unknown duration. */
export const LONGEST = 24 * 3600;
/** Seconds by which a note may outlast its recording. */
const AFTER_END = 60;
const FIELDS = ["onset", "pitch", "offset", "velocity"] as const;

/** What became of a note by its id: another note, or none. */
export type ByHand = Map<string, EditedNote | null>;

/** What the page asks for. */
export interface Asked extends Partial<Record<(typeof FIELDS)[number], number | null>> {
  do: "add" | "change" | "delete";
  id?: string;
}

/** The outcome of all steps that count, each in its turn. */
export function byHand(steps: Edit[]): ByHand {
  const outcome: ByHand = new Map();
  for (const { step, changes } of steps) {
    changes.forEach((change, index) => outcome.set(change.id ?? `h${step}.${index}`, change.note));
  }
  return outcome;
}

/** Check what the page asks for, and say of every change what the note becomes. */
export function resolved(
  asked: Asked[],
  notes: ReadonlyMap<string, EditedNote>,
  duration: number,
): Change[] {
  if (!asked.length) throw nonsense("expected a list of changes");
  const current = new Map<string, EditedNote | null>(notes);
  return asked.map((change): Change => {
    if (change.do === "add") return { note: changed(null, change, duration) };
    const note = current.get(change.id ?? "");
    if (!note || change.id === undefined) {
      throw new TabError("A note to be changed is not there any more.", "Load the page again.", 409);
    }
    const next = change.do === "delete" ? null : changed(note, change, duration);
    current.set(change.id, next);
    return { id: change.id, note: next };
  });
}

function changed(note: EditedNote | null, change: Asked, duration: number): EditedNote {
  const values: Partial<EditedNote> = {};
  for (const name of FIELDS) {
    const value = change[name];
    if (value === undefined || value === null) {
      if (!note) throw nonsense(`a new note needs ${FIELDS.join(", ")}`);
      continue;
    }
    if (!Number.isFinite(value) || Math.abs(value) > 1e9) throw nonsense(`${name} is out of range`);
    if (name === "onset" && value > duration) {
      throw new TabError(
        `A note can't start after the recording ends: ${value} s of ${fixed(duration, 3)} s. ` +
          "Nothing was changed.",
        `Choose a start from 0 to ${fixed(duration, 3)} s.`,
        422,
      );
    }
    if (name === "offset" && value > duration + AFTER_END) {
      throw new TabError(
        `A note can't last more than ${AFTER_END} s beyond the recording's end. Nothing was changed.`,
        "Make it shorter.",
        422,
      );
    }
    values[name] = name === "onset" || name === "offset" ? value : roundHalfEven(value);
  }
  const next = { ...note, ...values } as EditedNote;
  const { onset, pitch, offset, velocity } = next;
  const fits =
    onset >= 0 && onset < offset && pitch >= LOWEST_PITCH && pitch <= HIGHEST_PITCH &&
    velocity >= 1 && velocity <= 127;
  if (!fits) {
    throw new TabError(
      "A note can't be like that.",
      `It must start before it ends, on a key from ${LOWEST_PITCH} to ${HIGHEST_PITCH}.`,
      422,
    );
  }
  return { onset, pitch, offset, velocity };
}

const nonsense = (reason: string): TabError =>
  new TabError(`The page asked for a change that makes no sense: ${reason}.`, "", 422);
