/**
 * A long filter on a stream, by products of spectra (overlap-save): each sample costs the
 * logarithm of the filter's length instead of the length.
 */

import FFT from "fft.js";
import type { Sinc } from "./sinc";

/** Widths of the filter that one transform takes in, about. */
const WIDTHS = 8;

export class Lowpass {
  private readonly fft: FFT;
  private readonly half: number;
  /** Samples that one transform gives. */
  private readonly step: number;
  /** The filter's spectrum, which is real as the filter is symmetric about its first sample. */
  private readonly response: Float64Array;
  private readonly input: number[];
  private readonly spectrum: number[];
  private readonly output: number[];
  /** Samples not used up, from `half` before the next one to give. */
  private held: Float64Array;

  constructor(filter: Sinc) {
    this.half = filter.half;
    const size = 2 ** Math.round(Math.log2(WIDTHS * 2 * filter.half));
    this.step = size - 2 * filter.half;
    this.fft = new FFT(size);
    [this.input, this.spectrum, this.output] = [0, 1, 2].map(() => this.fft.createComplexArray()) as [
      number[], number[], number[],
    ];
    for (let x = 1 - filter.half; x < filter.half; x += 1) {
      this.input[2 * ((x + size) % size)] = filter.weight(x);
    }
    this.fft.transform(this.spectrum, this.input);
    this.response = Float64Array.from({ length: size }, (_, bin) => this.spectrum[2 * bin] as number);
    this.held = new Float64Array(filter.half);
  }

  /** Take samples and give those that are ready; with `last`, all, and as the sound dies away. */
  push(samples: Float32Array, last = false): Float64Array {
    const { half, step } = this;
    let n = this.held.length + samples.length;
    // Two blocks at once, one as the real part of what is transformed and one as the imaginary.
    const pairs = last ? Math.ceil(n / (2 * step)) : Math.floor((n - 2 * half) / (2 * step));
    if (last) n = Math.max(n, pairs * 2 * step + 2 * half);
    const held = new Float64Array(n);
    held.set(this.held);
    held.set(samples, this.held.length);
    const given = new Float64Array(Math.max(0, pairs) * 2 * step);
    for (let place = 0; place < given.length; place += 2 * step) this.filter(held, place, given);
    this.held = held.slice(given.length);
    return given;
  }

  private filter(held: Float64Array, place: number, given: Float64Array): void {
    const { fft, half, step, response, input, spectrum, output } = this;
    for (let i = 0; i < response.length; i += 1) {
      input[2 * i] = held[place + i] as number;
      input[2 * i + 1] = held[place + step + i] as number;
    }
    fft.transform(spectrum, input);
    for (let bin = 0; bin < response.length; bin += 1) {
      spectrum[2 * bin] = (spectrum[2 * bin] as number) * (response[bin] as number);
      spectrum[2 * bin + 1] = (spectrum[2 * bin + 1] as number) * (response[bin] as number);
    }
    fft.inverseTransform(output, spectrum);
    for (let i = 0; i < step; i += 1) {
      given[place + i] = output[2 * (half + i)] as number;
      given[place + step + i] = output[2 * (half + i) + 1] as number;
    }
  }
}
