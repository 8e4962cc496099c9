/**
 * Samples to the frames that the network sees, block by block: `transcribe/features.py`.
 *
 * Windows and filters are data that Python wrote (`transcribe.features.exported`).
 */

import FFT from "fft.js";
import type { FeatureSettings } from "../settings";
import type { Arrays } from "./safetensors";

interface Spectrum {
  nFft: number;
  fft: FFT;
  window: Float32Array;
  /** Of each bin: its first FFT bin, and where its weights begin (one entry more). */
  first: Int32Array;
  begin: Int32Array;
  weights: Float32Array;
  input: number[];
  output: number[];
  power: Float64Array;
}

interface Column {
  spectrum: Spectrum;
  /** Of the window, in samples after the first sample of the margin. */
  start: number;
}

export class Features {
  /** Numbers a frame. */
  readonly width: number;
  /** How many samples beyond its centre a frame sees, on either side. */
  readonly margin: number;
  private readonly columns: Column[] = [];
  private held: Float32Array;
  private nSamples = 0;
  private framesDone = 0;

  /**
   * @param skip frames at the beginning that nobody needs: they are counted, not computed
   */
  constructor(
    private readonly settings: FeatureSettings,
    arrays: Arrays,
    private readonly skip = 0,
  ) {
    const { windows, phases, hop_length: hop } = settings;
    this.margin = Math.floor(Math.max(...windows) / 2) + Math.floor(hop / 2);
    windows.forEach((nFft, index) => {
      const spectrum = spectrumOf(nFft, arrays);
      const nPhases = phases[index] as number;
      for (let phase = 0; phase < nPhases; phase += 1) {
        const shift = Math.floor(((2 * phase + 1 - nPhases) * hop) / (2 * nPhases));
        this.columns.push({ spectrum, start: this.margin + shift - Math.floor(nFft / 2) });
      }
    });
    this.width = this.columns.length * settings.n_bins;
    this.held = new Float32Array(this.margin);
  }

  /** Take samples; give the frames that they complete, from `skip` on. */
  push(samples: Float32Array): Float32Array {
    this.nSamples += samples.length;
    this.hold(samples);
    return this.frames(Math.floor((this.held.length - 1 - 2 * this.margin) / this.settings.hop_length) + 1);
  }

  /** The last frames; beyond them is silence. */
  finish(): Float32Array {
    const hop = this.settings.hop_length;
    this.hold(new Float32Array(this.margin + hop));
    return this.frames(Math.ceil(this.nSamples / hop) - this.framesDone);
  }

  /** Frames of samples that carry `margin` more on either side, whatever was pushed. */
  whole(padded: Float32Array): Float32Array {
    const nFrames = Math.ceil((padded.length - 2 * this.margin) / this.settings.hop_length);
    return this.compute(padded, 0, nFrames);
  }

  private hold(samples: Float32Array): void {
    const held = new Float32Array(this.held.length + samples.length);
    held.set(this.held);
    held.set(samples, this.held.length);
    this.held = held;
  }

  private frames(ready: number): Float32Array {
    if (ready <= 0) return new Float32Array(0);
    const hop = this.settings.hop_length;
    const first = Math.min(ready, Math.max(0, this.skip - this.framesDone));
    const frames = this.compute(this.held, first, ready);
    this.held = this.held.slice(ready * hop);
    this.framesDone += ready;
    return frames;
  }

  /** The frames `first` to `stop` of samples that begin a margin before frame 0. */
  private compute(samples: Float32Array, first: number, stop: number): Float32Array {
    const frames = new Float32Array((stop - first) * this.width);
    for (let frame = first; frame < stop; frame += 1) {
      let place = (frame - first) * this.width;
      for (const { spectrum, start } of this.columns) {
        const from = frame * this.settings.hop_length + start;
        this.column(samples, spectrum, from, frames, place);
        place += this.settings.n_bins;
      }
    }
    return frames;
  }

  private column(
    samples: Float32Array,
    spectrum: Spectrum,
    start: number,
    frames: Float32Array,
    place: number,
  ): void {
    const { nFft, fft, window, first, begin, weights, input, output, power } = spectrum;
    for (let i = 0; i < nFft; i += 1) {
      input[i] = Math.fround((samples[start + i] as number) * (window[i] as number));
    }
    fft.realTransform(output, input);
    for (let i = 0; i <= nFft / 2; i += 1) {
      const [real, imaginary] = [output[2 * i] as number, output[2 * i + 1] as number];
      power[i] = real * real + imaginary * imaginary;
    }
    const floor = this.settings.floor_db;
    const least = 10 ** (floor / 10);
    for (let bin = 0; bin < this.settings.n_bins; bin += 1) {
      const [from, to] = [begin[bin] as number, begin[bin + 1] as number];
      const row = (first[bin] as number) - from;
      let sum = 0;
      for (let k = from; k < to; k += 1) sum += (power[row + k] as number) * (weights[k] as number);
      frames[place + bin] = Math.log10(sum + least) * (-10 / floor) + 1;
    }
  }
}

function spectrumOf(nFft: number, arrays: Arrays): Spectrum {
  const array = <T extends Float32Array | Int32Array>(name: string): T => {
    const found = arrays.get(`${nFft}.${name}`);
    if (!found) throw new Error(`the features have no ${name} of a window of ${nFft} samples`);
    return found as T;
  };
  const fft = new FFT(nFft);
  return {
    nFft,
    fft,
    window: array<Float32Array>("window"),
    first: array<Int32Array>("first"),
    begin: array<Int32Array>("begin"),
    weights: array<Float32Array>("weights"),
    input: new Array<number>(nFft).fill(0),
    output: fft.createComplexArray(),
    power: new Float64Array(nFft / 2 + 1),
  };
}
