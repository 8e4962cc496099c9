/**
 * Mono samples of one rate to another, in a stream: sincs in Kaiser windows, in phases.
 *
 * The filter is of the quality that the command's resampler (soxr, "HQ") has: flat to
 * `PASSBAND` of the lower Nyquist frequency, 125 dB down from that frequency on, linear in
 * phase, and without delay. Libraries for browsers keep less of the band or want the
 * whole recording at once; `tests/web/test_tab_engine.py` measures this one against soxr.
 *
 * Where the rate falls by much, as from 44.1 to 16 kHz, the sharp filter is a `Lowpass` of the
 * samples as they come, and places between them are found by a short one: a fifth of the work.
 */

import { Lowpass } from "./lowpass";
import { Sinc } from "./sinc";

/** Share of the lower Nyquist frequency that is kept as it is. */
const PASSBAND = 0.9125;
/** Rates from this multiple of the other on are filtered first. */
const MUCH = 1.25;
/** Most phases of a filter; rates without a common divisor take the nearest of so many. */
const MOST_PHASES = 4096;

export class Resampler {
  private readonly lowpass: Lowpass | null;
  private readonly up: number;
  private readonly down: number;
  private readonly half: number;
  private readonly width: number;
  /** Numbers of single precision; a processor need not widen them each time that they are used. */
  private readonly phases: Float64Array;
  private readonly nPhases: number;
  private held: Float64Array;
  /** Index, in all samples pushed, of `held[0]`. */
  private heldStart: number;
  private nIn = 0;
  private nOut = 0;

  constructor(
    private readonly from: number,
    private readonly to: number,
  ) {
    const divisor = gcd(from, to);
    this.up = to / divisor;
    this.down = from / divisor;
    const lower = Math.min(from, to) / 2;
    const sharp = new Sinc(((1 + PASSBAND) / 2) * (lower / from), (1 - PASSBAND) * (lower / from));
    const filtersFirst = from >= MUCH * to;
    this.lowpass = filtersFirst ? new Lowpass(sharp) : null;
    // Of what is filtered, nothing lies between `lower` and its first image.
    const filter = filtersFirst ? new Sinc(0.5, 1 - 2 * (lower / from)) : sharp;
    this.half = filter.half;
    this.width = 2 * this.half;
    this.nPhases = Math.min(this.up, MOST_PHASES);
    this.phases = from === to ? new Float64Array(0) : this.filters(filter);
    this.held = new Float64Array(this.half);
    this.heldStart = -this.half;
  }

  /** Take samples and give what is ready; with `last`, all. */
  push(samples: Float32Array, last = false): Float32Array {
    if (this.from === this.to) return samples;
    this.nIn += samples.length;
    const filtered = this.lowpass?.push(samples, last) ?? samples;
    const tail = last ? this.width : 0;
    const held = new Float64Array(this.held.length + filtered.length + tail);
    held.set(this.held);
    held.set(filtered, this.held.length);
    const { up, down, half, width, nPhases, phases } = this;
    const end = this.heldStart + held.length;
    const total = last ? Math.round((this.nIn * up) / down) : Number.POSITIVE_INFINITY;
    const ready = Math.max(0, Math.floor(((end - half) * up - 1) / down) + 1);
    const stop = Math.min(ready, total);
    const out = new Float32Array(Math.max(0, stop - this.nOut));
    for (let i = 0; i < out.length; i += 1) {
      const place = (this.nOut + i) * down;
      const whole = Math.floor(place / up);
      const phase = nPhases === up ? place % up : Math.floor(((place % up) * nPhases) / up);
      const first = whole - half + 1 - this.heldStart;
      const weights = phase * width;
      // Four sums, as a processor adds several numbers in the time that one sum waits for another.
      let [a, b, c, d] = [0, 0, 0, 0];
      for (let k = 0; k < width; k += 4) {
        a += (held[first + k] as number) * (phases[weights + k] as number);
        b += (held[first + k + 1] as number) * (phases[weights + k + 1] as number);
        c += (held[first + k + 2] as number) * (phases[weights + k + 2] as number);
        d += (held[first + k + 3] as number) * (phases[weights + k + 3] as number);
      }
      out[i] = a + b + (c + d);
    }
    this.nOut += out.length;
    const keep = Math.max(0, Math.floor((this.nOut * down) / up) - half - this.heldStart);
    this.held = held.slice(keep);
    this.heldStart += keep;
    return out;
  }

  /** For each phase, the weights of the input samples around a place between two of them. */
  private filters(filter: Sinc): Float64Array {
    const filters = new Float64Array(this.nPhases * this.width);
    for (let phase = 0; phase < this.nPhases; phase += 1) {
      for (let k = 0; k < this.width; k += 1) {
        const x = k - this.half + 1 - phase / this.nPhases;
        filters[phase * this.width + k] = Math.fround(filter.weight(x));
      }
    }
    return filters;
  }
}

function gcd(a: number, b: number): number {
  return b ? gcd(b, a % b) : a;
}
