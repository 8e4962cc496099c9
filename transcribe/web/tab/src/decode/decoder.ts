/**
 * Candidates to notes and pedal presses, as they come.
 *
 * The same, in the same order of operations, as `transcribe/decode/decoder.py`, which says why;
 * tests hold the two to each other. Positions are in frames.
 */

import { clipped, firstAtLeast, roundHalfEven } from "../numbers";
import type { Note, PedalPress } from "../performance";
import type { DecodeSettings, FrameGrid } from "../settings";
import { type Candidates, counts, EVENT_WIDTH } from "./candidates";
import { AGREEMENT, crossing, KEY_END, KEY_FALL, LEVELS, ONSET } from "./peaks";
import { likeliestRelease } from "./releases";
import { LOWEST_PITCH, N_PITCHES } from "./rolls";

/** Frames; where the frame plane falls through all levels within this, a release is heard. */
const CLEAR = 2;
/** Seconds that a release may be early or late at least. */
const RELEASE_TOLERANCE = 0.05;
/** Frames after an onset before which nothing is that note's own release. */
const RELEASE_DELAY = 0.5;
/** Seconds; the least length of a note or a press. */
const SHORTEST = 0.001;
/** Seconds from a pedal press to the release of a key it must catch. */
const AFTER_PEDAL = 0.01;
/** MIDI number, E4, about the mean of the notes of piano music. */
const TILT_AROUND = 64;
/** Probabilities are held so far from 0 and 1 where their odds are taken. */
const SUREST = 1e-6;

export type Offsets = "key" | "sustained";

/** A note with the frame in which its onset peaks, which no threshold moves. */
export interface Struck {
  peak: number;
  note: Note;
}

interface Strike {
  position: number;
  peak: number;
  frame: number;
  confidence: number;
  velocity: number;
  earlierRelease: number;
  ends: [number | null, number | null];
  falls: number[];
}

interface Row {
  peak: number;
  pitch: number;
  position: number;
  key: number;
  sounding: number;
  last: number;
  velocity: number;
  confidence: number;
}

/** The confidence of a note from its onset's probability: its log odds scaled and shifted. */
export function calibrated(probability: number, settings: DecodeSettings): number {
  if (settings.confidence_slope === 1 && settings.confidence_shift === 0) return probability;
  const bounded = clipped(probability, SUREST, 1 - SUREST);
  const odds = Math.log(bounded / (1 - bounded));
  return 1 / (1 + Math.exp(-settings.confidence_slope * odds - settings.confidence_shift));
}

/** The velocity of a note, 1 to 127, from what the velocity plane says of it, 0 to 1. */
export function midiVelocity(share: number, pitch: number, settings: DecodeSettings): number {
  const tilt = (settings.velocity_tilt * (pitch - TILT_AROUND)) / 12;
  return clipped(roundHalfEven(share * 127 + tilt), 1, 127);
}

export class Decoder {
  private readonly apart: number;
  private nFrames = 0;
  private latest: (Strike | null)[] = new Array(N_PITCHES).fill(null);
  private previous: (Strike | null)[] = new Array(N_PITCHES).fill(null);
  private readonly closed: (Row | null)[] = [];
  private pedalBefore = 0;
  private pressed: number | null = null;
  private pedalFell = 0;
  private readonly presses: [number, number][] = [];
  private finished = false;

  constructor(
    private readonly grid: FrameGrid,
    private readonly settings: DecodeSettings,
  ) {
    this.apart = Math.max(grid.position(settings.minimum_repeat), AGREEMENT);
  }

  /** How many of `struck` no later frame can change, but for a pedal press to come. */
  get nSettled(): number {
    return this.closed.length;
  }

  /** How many notes were found so far. */
  get nNotes(): number {
    const open = [...this.latest, ...this.previous].filter((strike) => strike !== null);
    return this.closed.length + open.length;
  }

  /** Take candidates, in pieces or whole. */
  take({ events, pedal }: Candidates): void {
    this.readPedal(pedal);
    for (let at = 0; at < events.length; at += EVENT_WIDTH) {
      if (!counts(events, at, this.settings.onset_threshold)) continue;
      const [frame, kind, column] = [events[at], events[at + 1], events[at + 2]] as [number, number, number];
      const values: number[] = [];
      for (let i = at + 3; i < at + EVENT_WIDTH; i += 1) values.push(events[i] as number);
      if (kind === ONSET) this.strike(column, frame, values);
      else if (kind === KEY_FALL) this.fall(column, frame, values);
      else this.end(column, frame, kind - KEY_END, values);
    }
  }

  /** End the recording. */
  finish(): void {
    if (this.finished) return;
    this.finished = true;
    this.closed.push(...this.open());
    this.latest.fill(null);
    this.previous.fill(null);
    if (this.pressed !== null) this.presses.push([this.pressed, this.nFrames]);
  }

  /** Notes as far as they are known, from the `start`th on: those settled, then the others. */
  struck(offsets: Offsets = this.settings.offsets, start = 0): Struck[] {
    const pressed = this.pedal.map((press) => press.onset);
    const found: Struck[] = [];
    for (const row of [...this.closed.slice(start), ...this.open()]) {
      if (row) found.push({ peak: row.peak, note: this.note(row, pressed, offsets) });
    }
    return found;
  }

  /** The pedal presses that have ended so far. */
  get pedal(): PedalPress[] {
    const found = [];
    for (const [down, up] of this.presses) {
      const [onset, offset] = [this.grid.seconds(down), this.grid.seconds(up)];
      if (offset - onset >= Math.max(this.settings.minimum_press, SHORTEST)) {
        found.push({ onset, offset });
      }
    }
    return found;
  }

  private strike(column: number, frame: number, values: number[]): void {
    const [shift, confidence, velocity, keyShows, soundingShows, earlierRelease] = values as [
      number, number, number, number, number, number,
    ];
    const position = Math.max(frame + shift, 0);
    const strike: Strike = {
      position,
      peak: frame,
      frame: frame + roundHalfEven(shift),
      confidence,
      velocity,
      earlierRelease: frame + earlierRelease,
      ends: [keyShows ? null : position, soundingShows ? null : position],
      falls: new Array(LEVELS.length).fill(Number.POSITIVE_INFINITY),
    };
    const latest = this.latest[column] ?? null;
    const previous = this.previous[column] ?? null;
    if (latest && position - latest.position < this.apart) {
      const fits = !previous || position - previous.position >= this.apart;
      if (fits && confidence > latest.confidence) this.latest[column] = strike;
      return;
    }
    if (previous) this.closed.push(this.row(column, previous, latest));
    this.previous[column] = latest;
    this.latest[column] = strike;
  }

  /** A key comes up, or a sound ends: it does for the strikes still without an end. */
  private end(column: number, frame: number, plane: number, values: number[]): void {
    const [place, vote, brief] = values as [number, number, number];
    for (const strike of [this.previous[column], this.latest[column]]) {
      if (!strike || strike.ends[plane as 0 | 1] !== null || frame <= strike.frame) continue;
      if (frame + vote > strike.position + RELEASE_DELAY) strike.ends[plane as 0 | 1] = frame + vote;
      else if (!brief) strike.ends[plane as 0 | 1] = frame + place;
    }
  }

  /** The frame plane falls below some levels: for strikes of which it had not yet. */
  private fall(column: number, frame: number, crossings: number[]): void {
    for (const strike of [this.previous[column], this.latest[column]]) {
      if (!strike || frame <= strike.frame) continue;
      crossings.forEach((place, index) => {
        if (!Number.isNaN(place)) {
          strike.falls[index] = Math.min(strike.falls[index] as number, frame + place);
        }
      });
    }
  }

  /** Where the key came up: `end`, where that is clear, or else where it most probably did. */
  private likeliest(strike: Strike, end: number, last: number): number {
    const known = strike.falls.filter((place) => place < last);
    const allKnown = (strike.falls.at(-1) as number) < last;
    if (!known.length) return end;
    if (allKnown && (known.at(-1) as number) - (known[0] as number) < CLEAR) return end;
    const found = likeliestRelease(
      strike.falls.map((place) => this.grid.seconds(place - strike.position)),
      this.grid.seconds(last - strike.position),
      this.settings.release_tolerance,
      RELEASE_TOLERANCE,
    );
    return found === null ? end : strike.position + this.grid.position(found);
  }

  /** Rows of the strikes that may still change. */
  private open(): (Row | null)[] {
    const rows = [];
    for (let column = 0; column < N_PITCHES; column += 1) {
      const latest = this.latest[column] ?? null;
      const previous = this.previous[column] ?? null;
      if (previous) rows.push(this.row(column, previous, latest));
      if (latest) rows.push(this.row(column, latest, null));
    }
    return rows;
  }

  /** A note with its ends settled; null if it is too short. */
  private row(column: number, strike: Strike, following: Strike | null): Row | null {
    const { settings, grid } = this;
    const last = following ? following.position : Number.POSITIVE_INFINITY;
    const latestEnd = following ? last : this.nFrames;
    const shortest = grid.position(Math.max(settings.prolong_to, SHORTEST));
    let [key, sounding] = strike.ends.map((end) =>
      end === null ? latestEnd : Math.min(end, last),
    ) as [number, number];
    if (
      following &&
      key === last &&
      strike.position + RELEASE_DELAY < following.earlierRelease &&
      following.earlierRelease < last
    ) {
      key = following.earlierRelease;
    } else if (settings.release_tolerance) {
      key = Math.min(this.likeliest(strike, key, last), latestEnd);
    }
    const told = settings.offsets === "sustained" ? sounding : key;
    if (grid.seconds(told - strike.position) < settings.minimum_duration) return null;
    const atLeast = (end: number): number =>
      Math.min(Math.max(end, strike.position + shortest), last);
    sounding = atLeast(sounding);
    return {
      peak: strike.peak,
      pitch: column + LOWEST_PITCH,
      position: strike.position,
      key: atLeast(key),
      sounding,
      last,
      velocity: strike.velocity,
      confidence: strike.confidence,
    };
  }

  private note(row: Row, pressed: number[], offsets: Offsets): Note {
    const [onset, release, soundEnd, following] = [
      row.position, row.key, row.sounding, row.last,
    ].map((position) => this.grid.seconds(position)) as [number, number, number, number];
    return {
      onset,
      pitch: row.pitch,
      offset:
        offsets === "sustained"
          ? soundEnd
          : this.extendedIntoPedal(release, soundEnd, following, pressed),
      velocity: midiVelocity(row.velocity, row.pitch, this.settings),
      confidence: calibrated(Math.min(row.confidence, 1), this.settings),
    };
  }

  /** A key release, moved past the pedal press that must have caught the note. */
  private extendedIntoPedal(
    release: number,
    soundEnd: number,
    following: number,
    pressed: number[],
  ): number {
    const grace = this.settings.pedal_grace;
    const next = pressed[firstAtLeast(pressed, release)];
    if (next === undefined || next - release > grace || soundEnd <= next + grace) return release;
    return Math.min(next + AFTER_PEDAL, following);
  }

  /** Find presses in the pedal's next frames. */
  private readPedal(probability: Float32Array): void {
    const down = this.settings.pedal_threshold;
    const up = down - this.settings.pedal_hysteresis;
    for (let row = 0; row < probability.length; row += 1) {
      const [before, after] = [this.pedalBefore, probability[row] as number];
      this.pedalBefore = after;
      const rises = before < down && after >= down;
      const falls = before >= down && after < down;
      const lifts = before >= up && after < up;
      if (!rises && !falls && !lifts) continue;
      const frame = this.nFrames + row;
      const position = frame + crossing(before, after, down);
      if (rises && this.pressed === null) {
        this.pressed = frame ? position : 0;
        const last = this.presses.at(-1);
        const lift = last ? position - last[1] : Number.POSITIVE_INFINITY;
        if (this.grid.seconds(lift) < this.settings.minimum_lift) {
          this.pressed = (this.presses.pop() as [number, number])[0];
        }
      }
      if (falls) this.pedalFell = position;
      if (lifts && this.pressed !== null) {
        this.presses.push([this.pressed, this.pedalFell]);
        this.pressed = null;
      }
    }
    this.nFrames += probability.length;
  }
}
