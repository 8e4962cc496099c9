/**
 * Rolls, frame by frame and each once, to keys struck and released and the pedal's moves.
 *
 * The same, in the same order of operations, as `transcribe/live/live_decoder.py`, which says
 * why; tests hold the two to each other. Positions are in frames.
 */

import { roundHalfEven } from "../numbers";
import type { DecodeSettings, FrameGrid } from "../settings";
import { thresholdsOf } from "./candidates";
import { calibrated, midiVelocity } from "./decoder";
import { AGREEMENT, crossing, LAG, onsets, REACH, RELEASE_REACH, type RollEvent, releaseNear } from "./peaks";
import { emptyRolls, FRAME_PLANE, LOWEST_PITCH, N_ACTIVATIONS, N_PITCHES, PEDAL, type Rolls, value } from "./rolls";

/** Frames after an onset before which nothing is that note's own release. */
const RELEASE_DELAY = 0.5;
/** Seconds; the least length of a note or a press. */
const SHORTEST = 0.001;

/** As the page takes them: a key down, a key up, the pedal down or up; times in seconds. */
export type LiveEvent =
  | ["down", number, number, number, number]
  | ["up", number, number]
  | ["pedal", number, boolean];

interface Key {
  position: number;
  /** The first frame on which it is down, if the frame plane is right. */
  frame: number;
  shown: boolean;
}

export class LiveDecoder {
  private readonly apart: number;
  private readonly shortest: number;
  private readonly shortestPress: number;
  private readonly threshold: number;
  private readonly open = new Map<number, Key>();
  private readonly last = new Float64Array(N_PITCHES).fill(Number.NEGATIVE_INFINITY);
  private pedal = 0;
  /** Where the pedal went down, if it may be no press yet. */
  private rose: number | null = null;
  private pressed: number | null = null;
  private lifted = 0;
  private fell = 0;
  /** Frames that are settled. */
  nDecided = 0;

  constructor(
    private readonly grid: FrameGrid,
    private readonly settings: DecodeSettings,
  ) {
    this.apart = Math.max(grid.position(settings.minimum_repeat), AGREEMENT);
    this.shortest = grid.position(Math.max(settings.prolong_to, SHORTEST));
    this.shortestPress = grid.position(settings.minimum_press);
    this.threshold = Math.fround(settings.frame_threshold);
  }

  /**
   * Decide the frames up to `stop` that are not decided yet.
   *
   * @param activations one run of the network; `first` is the frame of its first row
   */
  take(activations: Float32Array, first: number, stop: number): LiveEvent[] {
    const start = this.nDecided;
    if (stop <= start) return [];
    const kept = Math.max(start - REACH - first, 0);
    const rest = activations.subarray(kept * N_ACTIVATIONS);
    const rolls = emptyRolls(rest.length / N_ACTIVATIONS + 2 * REACH);
    rolls.set(rest, REACH * N_ACTIVATIONS);
    const at = first + kept - REACH;
    const strikes = new Map<number, RollEvent[]>();
    for (const event of onsets(rolls, start - at, stop - at, thresholdsOf(this.settings), false)) {
      strikes.set(event.row, [...(strikes.get(event.row) ?? []), event]);
    }
    const events: LiveEvent[] = [];
    for (let frame = start; frame < stop; frame += 1) {
      const row = frame - at;
      events.push(...this.releases(rolls, row, frame));
      for (const { column, values } of strikes.get(row) ?? []) {
        events.push(...this.strike(rolls, row, frame, column, values));
      }
      events.push(...this.movePedal(rolls, row, frame));
    }
    this.nDecided = stop;
    return events;
  }

  /** End the sound after the frames that were decided: keys and pedal come up. */
  finish(): LiveEvent[] {
    const columns = [...this.open.keys()].sort((a, b) => a - b);
    const events: LiveEvent[] = columns.map((column) => this.release(column, this.nDecided));
    if (this.rose !== null && this.nDecided - this.rose >= this.shortestPress) {
      this.pressed = this.rose;
      events.push(["pedal", this.grid.seconds(this.pressed), true]);
    }
    if (this.pressed !== null) events.push(this.lift(this.nDecided));
    return events;
  }

  private strike(rolls: Rolls, row: number, frame: number, column: number, values: number[]): LiveEvent[] {
    const [shift, probability, velocity, , , earlier] = values as [
      number, number, number, number, number, number,
    ];
    const position = Math.max(frame + shift, 0);
    if (position - (this.last[column] as number) < this.apart) return [];
    const events: LiveEvent[] = [];
    const before = this.open.get(column);
    if (before) {
      const release = frame + earlier;
      const isOwn = before.position + RELEASE_DELAY < release && release < position;
      events.push(this.release(column, isOwn ? release : position));
    }
    const attack = frame + roundHalfEven(shift);
    let shown = false;
    for (let each = Math.max(attack - frame + row, 0); each <= row; each += 1) {
      if (value(rolls, FRAME_PLANE, each, column) >= this.threshold) shown = true;
    }
    this.last[column] = position;
    this.open.set(column, { position, frame: attack, shown });
    events.push([
      "down",
      this.grid.seconds(position),
      column + LOWEST_PITCH,
      midiVelocity(velocity, column + LOWEST_PITCH, this.settings),
      calibrated(Math.min(probability, 1), this.settings),
    ]);
    return events;
  }

  /** Keys whose frame plane is below its threshold, and is not back in a moment. */
  private releases(rolls: Rolls, row: number, frame: number): LiveEvent[] {
    const ended: number[] = [];
    for (const [column, key] of this.open) {
      const isDown = value(rolls, FRAME_PLANE, row, column) >= this.threshold;
      if (frame <= key.frame || isDown) key.shown ||= isDown;
      else if ((key.shown || frame >= key.frame + LAG) && !this.isBack(rolls, row, column)) ended.push(column);
    }
    return ended
      .sort((a, b) => a - b)
      .map((column) => {
        const key = this.open.get(column) as Key;
        const { offset_threshold: level, frame_threshold: threshold } = this.settings;
        const vote = frame + releaseNear(rolls, row, column, 0, RELEASE_REACH, level);
        const before = value(rolls, FRAME_PLANE, row - 1, column);
        const after = value(rolls, FRAME_PLANE, row, column);
        const crossed = before >= threshold ? crossing(before, after, threshold) : -0.5;
        const end = vote > key.position + RELEASE_DELAY ? vote : frame + crossed; // NaN is no vote
        return this.release(column, key.shown ? end : key.position);
      });
  }

  private isBack(rolls: Rolls, row: number, column: number): boolean {
    for (let step = 1; step <= this.settings.bridge_frames; step += 1) {
      const soon = rolls[(row + step) * N_ACTIVATIONS + FRAME_PLANE + column] ?? 0;
      if (soon >= this.threshold) return true;
    }
    return false;
  }

  /** The key comes up there, or as soon after its strike as a note may be short. */
  private release(column: number, position: number): LiveEvent {
    const key = this.open.get(column) as Key;
    this.open.delete(column);
    const end = Math.max(position, key.position + this.shortest);
    return ["up", this.grid.seconds(end), column + LOWEST_PITCH];
  }

  /** The pedal is down once it stays so for the shortest press, as far as the rolls show it. */
  private movePedal(rolls: Rolls, row: number, frame: number): LiveEvent[] {
    const down = this.settings.pedal_threshold;
    const up = down - this.settings.pedal_hysteresis;
    const before = this.pedal;
    const now = value(rolls, PEDAL, row, 0);
    this.pedal = now;
    if ((before < down && down <= now) || (before >= down && down > now)) {
      const position = Math.max(frame + crossing(before, now, down), 0);
      if (now >= down && this.pressed === null && this.rose === null) this.rose = Math.max(position, this.lifted);
      else if (now < down) this.fell = position;
    }
    if (now < up) {
      this.rose = null;
      return this.pressed === null ? [] : [this.lift(this.fell)];
    }
    if (this.rose === null || !this.lasts(rolls, row, this.rose + this.shortestPress - frame, up)) return [];
    this.pressed = this.rose;
    this.rose = null;
    return [["pedal", this.grid.seconds(this.pressed), true]];
  }

  /** Whether the pedal is known to stay down for so many frames from a row on. */
  private lasts(rolls: Rolls, row: number, nFrames: number, up: number): boolean {
    const stop = row + Math.max(Math.ceil(nFrames), 0) + 1;
    if (stop > rolls.length / N_ACTIVATIONS - REACH) return false;
    for (let each = row; each < stop; each += 1) {
      if (value(rolls, PEDAL, each, 0) < Math.fround(up)) return false;
    }
    return true;
  }

  private lift(position: number): LiveEvent {
    this.lifted = Math.max(position, (this.pressed as number) + this.grid.position(SHORTEST));
    this.pressed = null;
    return ["pedal", this.grid.seconds(this.lifted), false];
  }
}
