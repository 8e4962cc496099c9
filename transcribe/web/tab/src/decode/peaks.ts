/**
 * Where the planes of the rolls tell of an onset, a key release, or the end of a sound.
 *
 * The same, in the same order of operations, as `transcribe/decode/peaks.py`, which says why.
 * Planes are compared with their thresholds in single precision; all else is double.
 */

import { clipped, roundHalfEven } from "../numbers";
import {
  FRAME_PLANE,
  N_PITCHES,
  OFFSET_PLANE,
  OFFSET_SHIFT_PLANE,
  ONSET_PLANE,
  ONSET_SHIFT_PLANE,
  SOUNDING_PLANE,
  VELOCITY_PLANE,
  type Rolls,
  value,
} from "./rolls";

/** Frames within which two votes are for one event. */
export const AGREEMENT = 0.75;
/** Frames around a frame on which what is read there depends. */
export const REACH = 4;
/** Frames after its onset by which a note must show in the frame plane. */
export const LAG = 2;
/** Frames between a key release and the boundary of the frame plane it belongs to. */
export const RELEASE_REACH = 1.5;
/** Probabilities at whose crossing the fall of the frame plane is told (`releases.py`). */
export const LEVELS = [0.9, 0.75, 0.6, 0.45, 0.3, 0.15];
const SINGLE_LEVELS = LEVELS.map(Math.fround);

export const ONSET = 0;
export const KEY_END = 1;
export const SOUNDING_END = 2;
export const KEY_FALL = 3;

/** Row, kind, column, and the values that belong to the kind. */
export interface RollEvent {
  row: number;
  kind: number;
  column: number;
  values: number[];
}

/** Where events begin to count. */
export interface Thresholds {
  onset: number;
  offset: number;
  frame: number;
  sounding: number;
  bridgeFrames: number;
  /** Whether it is told how the frame plane falls. */
  falls: boolean;
}

/**
 * Peaks of the onset plane in rows `start` to `stop`.
 *
 * @param looksBack whether the neighbour before a frame may outdo it, too
 */
export function onsets(
  rolls: Rolls,
  start: number,
  stop: number,
  levels: Thresholds,
  looksBack = true,
): RollEvent[] {
  const found: RollEvent[] = [];
  const threshold = Math.fround(levels.onset);
  for (let row = start; row < stop; row += 1) {
    for (let column = 0; column < N_PITCHES; column += 1) {
      if (value(rolls, ONSET_PLANE, row, column) < threshold) continue;
      const event = onsetAt(rolls, row, column, levels, looksBack);
      if (event) found.push(event);
    }
  }
  return found;
}

function onsetAt(
  rolls: Rolls,
  row: number,
  column: number,
  levels: Thresholds,
  looksBack: boolean,
): RollEvent | null {
  const around = [-1, 0, 1].map((step) => ({
    probability: value(rolls, ONSET_PLANE, row + step, column),
    vote: step + clipped(value(rolls, ONSET_SHIFT_PLANE, row + step, column), -1, 1),
    velocity: value(rolls, VELOCITY_PLANE, row + step, column),
  }));
  const [before, here, after] = around as [Near, Near, Near];
  const agrees = (other: Near): boolean => Math.abs(other.vote - here.vote) < AGREEMENT;
  if (looksBack && agrees(before) && before.probability >= here.probability) return null;
  if (agrees(after) && after.probability > here.probability) return null;

  const weights = around.map((each) =>
    agrees(each) && each.probability >= here.probability / 2 ? each.probability : 0,
  );
  const total = weights.reduce((sum, each) => sum + each, 0);
  let [shift, velocity] = [0, 0];
  around.forEach((each, index) => {
    const weight = (weights[index] as number) / total;
    shift += weight * each.vote;
    velocity += weight * each.velocity;
  });
  shift = clipped(shift, -1, 1);

  const attack = row + roundHalfEven(shift);
  const shows = (plane: number, threshold: number): number => {
    for (let lag = 0; lag <= LAG; lag += 1) {
      if (value(rolls, plane, attack + lag, column) >= Math.fround(threshold)) return 1;
    }
    return 0;
  };
  // A release that makes way for this strike: from 1.5 frames before to half a frame after.
  const release = releaseNear(rolls, row, column, shift - 0.5, 1.0, levels.offset);
  const values = [
    shift,
    here.probability,
    velocity,
    shows(FRAME_PLANE, levels.frame),
    shows(SOUNDING_PLANE, levels.sounding),
    release,
  ];
  return { row, kind: ONSET, column, values };
}

interface Near {
  probability: number;
  vote: number;
  velocity: number;
}

/** Where a key comes up (or, if `sounding`, a sound ends) in rows `start` to `stop`. */
export function ends(
  rolls: Rolls,
  start: number,
  stop: number,
  sounding: boolean,
  levels: Thresholds,
): RollEvent[] {
  const found: RollEvent[] = [];
  const plane = sounding ? SOUNDING_PLANE : FRAME_PLANE;
  const threshold = sounding ? levels.sounding : levels.frame;
  const single = Math.fround(threshold);
  for (let row = start; row < stop; row += 1) {
    for (let column = 0; column < N_PITCHES; column += 1) {
      const before = value(rolls, plane, row - 1, column);
      const after = value(rolls, plane, row, column);
      if (before < single || after >= single) continue;
      let brief = 0;
      for (let step = 1; step <= levels.bridgeFrames; step += 1) {
        if (value(rolls, plane, row + step, column) >= single) brief = 1;
      }
      const vote = sounding
        ? Number.NaN
        : releaseNear(rolls, row, column, 0, RELEASE_REACH, levels.offset);
      if (brief && Number.isNaN(vote)) continue;
      const values = [crossing(before, after, threshold), vote, brief];
      found.push({ row, kind: sounding ? SOUNDING_END : KEY_END, column, values });
    }
  }
  return found;
}

/** Where the frame plane falls below some of `LEVELS` in rows `start` to `stop`. */
export function falls(rolls: Rolls, start: number, stop: number): RollEvent[] {
  const found: RollEvent[] = [];
  for (let row = start; row < stop; row += 1) {
    for (let column = 0; column < N_PITCHES; column += 1) {
      const before = value(rolls, FRAME_PLANE, row - 1, column);
      const after = value(rolls, FRAME_PLANE, row, column);
      if (after >= before || !SINGLE_LEVELS.some((single) => before >= single && after < single)) continue;
      const values = LEVELS.map((level, index) => {
        const single = SINGLE_LEVELS[index] as number;
        return before >= single && after < single ? crossing(before, after, level) : Number.NaN;
      });
      found.push({ row, kind: KEY_FALL, column, values });
    }
  }
  return found;
}

/** The key release that the offset plane votes for near a position; NaN for none. */
export function releaseNear(
  rolls: Rolls,
  row: number,
  column: number,
  centre: number,
  reach: number,
  threshold: number,
): number {
  const middle = roundHalfEven(centre);
  const votes: number[] = [];
  const probabilities: number[] = [];
  let [best, most] = [0, Number.NEGATIVE_INFINITY];
  for (let index = 0; index < 5; index += 1) {
    const step = middle + index - 2;
    const vote = step + clipped(value(rolls, OFFSET_SHIFT_PLANE, row + step, column), -1, 1);
    const distance = Math.abs(vote - centre);
    let probability = value(rolls, OFFSET_PLANE, row + step, column);
    if (probability < threshold || distance > reach) probability = 0;
    votes.push(vote);
    probabilities.push(probability);
    if (probability / (1 + distance) > most) [best, most] = [index, probability / (1 + distance)];
  }
  let [total, sum] = [0, 0];
  for (let index = 0; index < 5; index += 1) {
    const vote = votes[index] as number;
    if (Math.abs(vote - (votes[best] as number)) >= AGREEMENT) continue;
    total += probabilities[index] as number;
    sum += (probabilities[index] as number) * vote;
  }
  return total > 0 ? sum / total : Number.NaN;
}

/** Where an event lies, relative to the first frame on its other side; in (-1/2, 1/2]. */
export const crossing = (before: number, after: number, threshold: number): number =>
  (threshold - before) / (after - before) - 0.5;
