/** Changes made to notes by hand, applied on top of the model's; as `transcribe/web/edits.py`. */

import { TabError } from "../errors";
import { HIGHEST_PITCH, LOWEST_PITCH } from "../decode/rolls";
import { fixed, roundHalfEven } from "../numbers";
import type { PedalPress } from "../performance";
import type { Change, Edit, EditedNote, PedalChange } from "./database";
import { presentId } from "./rows";

/** Seconds; the latest time a note may have in a recording of unknown duration. */
export const LONGEST = 24 * 3600;
/** Seconds by which a note may outlast its recording. */
const AFTER_END = 60;
const SHORTEST_PRESS = 0.01;
const FIELDS = ["onset", "pitch", "offset", "velocity"] as const;

/** What became of a note by its id: another note, or none. */
export type ByHand = Map<string, EditedNote | null>;

/** What the page asks for. */
export interface Asked extends Partial<Record<(typeof FIELDS)[number], number | null>> {
  do: "add" | "change" | "delete" | "pedal";
  id?: string;
  down?: boolean;
}

/**
 * The outcome of all steps that count, each in its turn, by the ids of the notes at present.
 *
 * Those of a note that is not there at present go by the first id that it had.
 */
export function byHand(steps: Edit[], present: ReadonlyMap<string, unknown>): ByHand {
  const outcome: ByHand = new Map();
  for (const { step, changes } of steps) {
    changes.forEach((change, index) => {
      if (change.pedal) return;
      const id = presentId(change.id ?? `h${step}.${index}`, present);
      outcome.set(present.has(id) ? id : presentId(id, outcome), change.note);
    });
  }
  return outcome;
}

/** The pedal after all steps that count: what was said last of a time holds. */
export function pedalByHand(steps: Edit[], pedal: PedalPress[]): PedalPress[] {
  let presses = pedal;
  for (const { changes } of steps) {
    for (const change of changes) if (change.pedal) presses = painted(presses, change.pedal);
  }
  return presses;
}

/** Presses apart and in order, with a time joined to them or cut out of them. */
function painted(presses: PedalPress[], { onset, offset, down }: PedalChange): PedalPress[] {
  const touching = presses.filter((press) => press.onset <= offset && onset <= press.offset);
  const others = presses.filter((press) => !touching.includes(press));
  const joined = {
    onset: Math.min(onset, ...touching.map((press) => press.onset)),
    offset: Math.max(offset, ...touching.map((press) => press.offset)),
  };
  const left = touching
    .flatMap((press) => [
      { onset: press.onset, offset: Math.min(press.offset, onset) },
      { onset: Math.max(press.onset, offset), offset: press.offset },
    ])
    .filter((part) => part.offset - part.onset > SHORTEST_PRESS);
  return [...others, ...(down ? [joined] : left)].sort((a, b) => a.onset - b.onset);
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
    if (change.do === "add") {
      const note = changed(null, change, duration);
      if (change.id === undefined) return { note };
      if (!/^m\d{1,9}\.\d{1,3}$/.test(change.id)) {
        throw nonsense("a note is added with an id of the model, or without one");
      }
      if (current.get(change.id)) {
        throw new TabError("note_there", "This note is there already.", "Load the page again.", 409);
      }
      current.set(change.id, note);
      return { id: change.id, note };
    }
    if (change.do === "pedal") return { pedal: pedalOf(change, duration) };
    const note = current.get(change.id ?? "");
    if (!note || change.id === undefined) {
      throw new TabError(
        "note_gone",
        "A note to be changed is not there any more.",
        "Load the page again.",
        409,
      );
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
        "note_after_end",
        `A note can't start after the recording ends: ${value} s of ${fixed(duration, 3)} s. ` +
          "Nothing was changed.",
        `Choose a start from 0 to ${fixed(duration, 3)} s.`,
        422,
        { start: value, duration: Math.round(1000 * duration) / 1000 },
      );
    }
    if (name === "offset" && value > duration + AFTER_END) {
      throw new TabError(
        "note_too_long",
        `A note can't last more than ${AFTER_END} s beyond the recording's end. Nothing was changed.`,
        "Make it shorter.",
        422,
        { seconds: AFTER_END },
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
      "no_note",
      "A note can't be like that.",
      `It must start before it ends, on a key from ${LOWEST_PITCH} to ${HIGHEST_PITCH}.`,
      422,
      { lowest: LOWEST_PITCH, highest: HIGHEST_PITCH },
    );
  }
  return { onset, pitch, offset, velocity };
}

/** When the pedal is to be down or up. */
function pedalOf({ onset, offset, down }: Asked, duration: number): PedalChange {
  if (!Number.isFinite(onset) || !Number.isFinite(offset) || typeof down !== "boolean") {
    throw nonsense("the pedal needs onset and offset, in seconds, and down, true or false");
  }
  const [start, stop] = [Math.max(onset as number, 0), Math.min(offset as number, duration + AFTER_END)];
  if (stop - start < SHORTEST_PRESS) {
    throw new TabError(
      "press_too_short",
      `The pedal can't be pressed or lifted for less than ${SHORTEST_PRESS} s; found ${start} to ${stop} s.`,
      "Drag further.",
      422,
      { seconds: SHORTEST_PRESS },
    );
  }
  return { onset: start, offset: stop, down };
}

const nonsense = (reason: string): TabError =>
  new TabError("invalid", `The page asked for a change that makes no sense: ${reason}.`, "", 422);
