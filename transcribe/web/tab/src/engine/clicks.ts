/** Notes that are no music but a metronome: `transcribe/music/clicks.py`, which says why. */

import type { Note } from "../performance";

const LEAST_CLICKS = 8;
/** Seconds that a click sounds at most. */
const LONGEST = 0.1;
/** Seconds from one click to the next. */
const PERIODS = [0.24, 2] as const;
/** Seconds by which the distances differ at most, either way. */
const JITTER = 0.012;
/** How far the velocities lie apart at most. */
const VELOCITIES = 12;

/**
 * The pitch and the number of the notes that are a metronome's; null if none seem to be.
 *
 * @param notes as long as they sound
 */
export function findClicks(notes: Note[], duration: number): { pitch: number; n_notes: number } | null {
  const byPitch = new Map<number, Note[]>();
  for (const note of [...notes].sort((a, b) => a.onset - b.onset || a.pitch - b.pitch)) {
    if (note.offset - note.onset > LONGEST) continue;
    const same = byPitch.get(note.pitch);
    if (same) same.push(note);
    else byPitch.set(note.pitch, [note]);
  }
  let found: { pitch: number; n_notes: number } | null = null;
  for (const [pitch, same] of byPitch) {
    const [start, stop] = longestRun(same);
    const [first, last] = [same[start], same[stop - 1]];
    if (stop - start < LEAST_CLICKS || !first || !last) continue;
    if (last.onset - first.onset < duration / 2) continue;
    if (!found || stop - start > found.n_notes) found = { pitch, n_notes: stop - start };
  }
  return found;
}

/** Where the most notes in a row are equally loud, and equally far from each other. */
function longestRun(notes: Note[]): [number, number] {
  let longest: [number, number] = [0, 0];
  let start = 0;
  for (let stop = 1; stop <= notes.length; stop += 1) {
    while (!isRegular(notes, start, stop)) start += 1;
    if (stop - start > longest[1] - longest[0]) longest = [start, stop];
  }
  return longest;
}

function isRegular(notes: Note[], start: number, stop: number): boolean {
  if (stop - start < 2) return true;
  // The last few are enough: those before them were regular already.
  const recent = notes.slice(Math.max(start, stop - 2 * LEAST_CLICKS), stop);
  const distances = recent.slice(1).map((note, i) => note.onset - (recent[i] as Note).onset);
  const velocities = recent.map((note) => note.velocity);
  const [least, most] = [Math.min(...distances), Math.max(...distances)];
  return (
    PERIODS[0] <= least &&
    most <= PERIODS[1] &&
    most - least <= 2 * JITTER &&
    Math.max(...velocities) - Math.min(...velocities) <= VELOCITIES
  );
}
