/**
 * Mono samples of one rate to another, in a stream: a polyphase filter, a sinc in a Kaiser window.
 *
 * The filter is of the quality that the command's resampler (soxr, "HQ") has: flat to
 * `PASSBAND` of the lower Nyquist frequency, 120 dB down from that frequency on, linear in
 * phase, and without delay. Libraries for browsers keep less of the band or want the
 * whole recording at once; `tests/web/test_tab_engine.py` measures this one against soxr.
 */

/** Share of the lower Nyquist frequency that is kept as it is. */
const PASSBAND = 0.9125;
/** Decibels by which everything from the lower Nyquist frequency on is damped. */
const ATTENUATION = 125;
/** Most phases of a filter; rates without a common divisor take the nearest of so many. */
const MOST_PHASES = 4096;

export class Resampler {
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
    const cutoff = ((1 + PASSBAND) / 2) * lower;
    const transition = (1 - PASSBAND) * lower;
    // Kaiser's formula, in input samples on either side.
    const half = (ATTENUATION - 7.95) / (2.285 * 2 * Math.PI * (transition / from)) / 2;
    this.half = 2 * Math.ceil(half / 2); // so that the width is a multiple of four
    this.width = 2 * this.half;
    this.nPhases = Math.min(this.up, MOST_PHASES);
    this.phases = from === to ? new Float64Array(0) : this.filters(cutoff / from);
    this.held = new Float64Array(this.half);
    this.heldStart = -this.half;
  }

  /** Take samples and give what is ready; with `last`, all. */
  push(samples: Float32Array, last = false): Float32Array {
    if (this.from === this.to) return samples;
    this.nIn += samples.length;
    const tail = last ? this.width : 0;
    const held = new Float64Array(this.held.length + samples.length + tail);
    held.set(this.held);
    held.set(samples, this.held.length);
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
  private filters(cutoff: number): Float64Array {
    const beta = 0.1102 * (ATTENUATION - 8.7);
    const scale = bessel(beta);
    const filters = new Float64Array(this.nPhases * this.width);
    for (let phase = 0; phase < this.nPhases; phase += 1) {
      for (let k = 0; k < this.width; k += 1) {
        const x = k - this.half + 1 - phase / this.nPhases;
        const edge = 1 - (x / this.half) ** 2;
        if (edge <= 0) continue;
        const sinc = x === 0 ? 2 * cutoff : Math.sin(2 * Math.PI * cutoff * x) / (Math.PI * x);
        filters[phase * this.width + k] = Math.fround((sinc * bessel(beta * Math.sqrt(edge))) / scale);
      }
    }
    return filters;
  }
}

/** The modified Bessel function of the first kind, of order 0. */
function bessel(x: number): number {
  let [sum, term] = [1, 1];
  for (let k = 1; term > 1e-12 * sum; k += 1) {
    term *= (x / 2 / k) ** 2;
    sum += term;
  }
  return sum;
}

function gcd(a: number, b: number): number {
  return b ? gcd(b, a % b) : a;
}
