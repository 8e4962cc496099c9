/**
 * What decoding needs of the rolls: the few events on them, and the pedal's probability.
 *
 * As `transcribe/decode/events.py`: events read at a low onset threshold hold the candidates
 * for every higher one.
 */

import type { DecodeSettings } from "../settings";
import { ends, falls, ONSET, onsets, REACH, type RollEvent, type Thresholds } from "./peaks";
import { emptyRolls, N_ACTIVATIONS, nFrames, PEDAL, type Rolls } from "./rolls";

/** Numbers an event takes in `Candidates.events`: frame, kind, column, six values. */
export const EVENT_WIDTH = 9;
const N_VALUES = 6;
/** Where an onset's probability lies among them. */
const PROBABILITY = 4;

/** Events in order of frame, kind and column, and the pedal of the frames they cover. */
export interface Candidates {
  /** Rows of `EVENT_WIDTH`. */
  events: Float64Array;
  /** Probability that the pedal is down, for each frame. */
  pedal: Float32Array;
}

/** Of frames in which nothing is played. */
export const noCandidates = (nFrames: number): Candidates => ({
  events: new Float64Array(0),
  pedal: new Float32Array(nFrames),
});

/** Whether an event counts at an onset threshold no lower than it was read at. */
export const counts = (events: Float64Array, at: number, onsetThreshold: number): boolean =>
  events[at + 1] !== ONSET || (events[at + PROBABILITY] as number) >= Math.fround(onsetThreshold);

/** The part of the settings that decides what counts as an event. */
export const thresholdsOf = (settings: DecodeSettings): Thresholds => ({
  onset: settings.onset_threshold,
  offset: settings.offset_threshold,
  frame: settings.frame_threshold,
  sounding: settings.sounding_threshold,
  bridgeFrames: settings.bridge_frames,
  falls: settings.release_tolerance > 0,
});

/** What a `CandidateReader` holds between two pieces, so that another one can go on. */
export interface HeldRolls {
  rolls: Float32Array;
  start: number;
}

/** Rolls in pieces of any length to candidates in pieces. */
export class CandidateReader {
  private readonly ahead: number;
  private held: Rolls;
  private heldStart: number;

  /**
   * @param firstFrame the frame of the recording that the first row is
   * @param between positions in frames: onsets before the first are left out, and the recording
   *     ends at the second
   */
  constructor(
    private readonly thresholds: Thresholds,
    resumed?: HeldRolls,
    firstFrame = 0,
    private readonly between: [number, number] = [0, Infinity],
  ) {
    this.ahead = Math.max(REACH, thresholds.bridgeFrames);
    this.held = resumed?.rolls ?? emptyRolls(REACH);
    this.heldStart = resumed?.start ?? firstFrame - REACH;
  }

  /** For another reader with the same thresholds. */
  get state(): HeldRolls {
    return { rolls: this.held, start: this.heldStart };
  }

  /** Take the next frames and tell of those whose surroundings are now known. */
  push(rolls: Rolls): Candidates {
    const held = new Float32Array(this.held.length + rolls.length);
    held.set(this.held);
    held.set(rolls, this.held.length);
    const stop = nFrames(held) - this.ahead;
    if (stop <= REACH) {
      this.held = held;
      return { events: new Float64Array(0), pedal: new Float32Array(0) };
    }
    const told: RollEvent[] = [
      ...onsets(held, REACH, stop, this.thresholds),
      ...ends(held, REACH, stop, false, this.thresholds),
      ...ends(held, REACH, stop, true, this.thresholds),
      ...(this.thresholds.falls ? falls(held, REACH, stop) : []),
    ];
    told.sort((a, b) => a.row - b.row || a.kind - b.kind || a.column - b.column);
    const [begin, end] = this.between;
    const first = this.heldStart + REACH;
    const nKept = Math.min(stop - REACH, Math.max(0, Math.ceil(end) - first));
    const pedal = new Float32Array(nKept);
    for (let row = Math.max(0, Math.ceil(begin) - first); row < nKept; row += 1) {
      pedal[row] = held[(row + REACH) * N_ACTIVATIONS + PEDAL] as number;
    }
    const earliest = begin || -Infinity; // an onset in the first frame may be a little before it
    const kept = told.filter(({ row, kind, values }) => {
      if (row - REACH >= nKept) return false;
      const position = this.heldStart + row + (values[0] ?? 0);
      return kind !== ONSET || (position >= earliest && position < end);
    });
    const events = asArray(kept, this.heldStart);
    this.held = held.slice((stop - REACH) * N_ACTIVATIONS);
    this.heldStart += stop - REACH;
    return { events, pedal };
  }

  /** Tell of the last frames; beyond them is silence. */
  finish(): Candidates {
    return this.push(emptyRolls(this.ahead));
  }
}

function asArray(told: RollEvent[], firstFrame: number): Float64Array {
  const events = new Float64Array(told.length * EVENT_WIDTH);
  told.forEach(({ row, kind, column, values }, index) => {
    const at = index * EVENT_WIDTH;
    events[at] = firstFrame + row;
    events[at + 1] = kind;
    events[at + 2] = column;
    for (let i = 0; i < N_VALUES; i += 1) events[at + 3 + i] = values[i] ?? 0;
  });
  return events;
}
