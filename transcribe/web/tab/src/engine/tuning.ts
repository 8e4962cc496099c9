/**
 * How far from A = 440 Hz an instrument is tuned, from its sound alone:
 * `transcribe/audio/tuning.py`, which says how.
 */

import FFT from "fft.js";
import { clipped } from "../numbers";

const LOWEST = 130;
const HIGHEST = 1400;
const WINDOW_SECONDS = 0.5;
const LOUD = 10 ** (-20 / 20);
const LEAST_PARTIALS = 20;
const LEAST_AGREEMENT = 0.25;
const LEAST_EVIDENCE = 12.5;
const SPREAD = 25;

export class TuningMeter {
  private readonly nFft: number;
  private readonly step: number;
  private readonly fft: FFT;
  private readonly window: Float32Array;
  private readonly output: number[];
  private readonly input: number[];
  private rest = new Float32Array(0);
  private real = 0;
  private imaginary = 0;
  private weight = 0;
  private nPartials = 0;

  constructor(sampleRate: number) {
    this.nFft = 2 ** Math.round(Math.log2(WINDOW_SECONDS * sampleRate));
    this.step = sampleRate / this.nFft;
    this.fft = new FFT(this.nFft);
    this.output = this.fft.createComplexArray();
    this.input = new Array<number>(this.nFft).fill(0);
    this.window = Float32Array.from({ length: this.nFft }, (_, i) =>
      0.5 - 0.5 * Math.cos((2 * Math.PI * i) / (this.nFft - 1)),
    );
  }

  /** Take the next samples; what fills no window waits for more. */
  push(block: Float32Array): void {
    const samples = new Float32Array(this.rest.length + block.length);
    samples.set(this.rest);
    samples.set(block, this.rest.length);
    let start = 0;
    for (; start + this.nFft <= samples.length; start += this.nFft) this.look(samples, start);
    this.rest = samples.slice(start);
  }

  private look(samples: Float32Array, start: number): void {
    for (let i = 0; i < this.nFft; i += 1) {
      this.input[i] = (samples[start + i] as number) * (this.window[i] as number);
    }
    this.fft.realTransform(this.output, this.input);
    const low = Math.round(LOWEST / this.step);
    const high = Math.round(HIGHEST / this.step);
    const size = (bin: number): number =>
      Math.hypot(this.output[2 * bin] as number, this.output[2 * bin + 1] as number);
    let loudest = 0;
    for (let bin = low; bin < high; bin += 1) loudest = Math.max(loudest, size(bin));
    for (let bin = low; bin < high; bin += 1) {
      const [left, middle, right] = [size(bin - 1), size(bin), size(bin + 1)];
      if (!(middle > left && middle >= right && middle > loudest * LOUD && middle > 1e-3)) continue;
      const [a, b, c] = [left, middle, right].map((each) => Math.log(each + 1e-12)) as [
        number, number, number,
      ];
      const bend = a - 2 * b + c;
      const shift = bend < 0 ? (0.5 * (a - c)) / Math.min(bend, -1e-9) : 0;
      const semitones = 12 * Math.log2(((bin + clipped(shift, -0.5, 0.5)) * this.step) / 440);
      // The root, so that one loud chord does not decide for the whole recording.
      const weight = Math.sqrt(middle / loudest);
      this.real += weight * Math.cos(2 * Math.PI * semitones);
      this.imaginary += weight * Math.sin(2 * Math.PI * semitones);
      this.weight += weight;
      this.nPartials += 1;
    }
  }

  /** Cents above A = 440 Hz, -50 to 50; null where too little agrees on it. */
  get cents(): number | null {
    if (this.nPartials < LEAST_PARTIALS) return null;
    if (this.agreement < LEAST_AGREEMENT || this.evidence < LEAST_EVIDENCE) return null;
    return (Math.atan2(this.imaginary, this.real) / (2 * Math.PI)) * 100;
  }

  /** Cents, at least, by which it is away from A = 440 Hz, to either side; 0 if in doubt. */
  get sureCents(): number {
    const { cents } = this;
    return cents === null ? 0 : Math.max(Math.abs(cents) - SPREAD / Math.sqrt(this.evidence), 0);
  }

  private get agreement(): number {
    return Math.hypot(this.real, this.imaginary) / this.weight;
  }

  private get evidence(): number {
    return this.nPartials * this.agreement ** 2;
  }
}
