/**
 * A recording's spectrogram in tiles, for the background of the roll:
 * `transcribe/web/spectrogram.py`, which says what a tile is.
 */

import FFT from "fft.js";

export const COLUMNS = 256;
const KEYS = 88;
export const ROWS = 3 * KEYS;
export const LEVELS = 6;
const HOP = 256;
const FACTOR = 4;
const N_FFT = 4096;
const FLOOR_DB = -90;
const RATE = 16_000;
/** Hertz of the lowest key. */
const LOWEST = 27.5;

/** The first sample that a tile looks at, which may be negative, and how many. */
export function samplesOf(level: number, number: number): { first: number; n: number } {
  const hop = HOP * FACTOR ** level;
  return { first: number * COLUMNS * hop - N_FFT / 2, n: COLUMNS * hop + N_FFT };
}

/** Makes tiles of samples that begin at `samplesOf`. */
export class SpectrogramTiles {
  private readonly fft = new FFT(N_FFT);
  private readonly output = this.fft.createComplexArray();
  private readonly input = new Array<number>(N_FFT).fill(0);
  private readonly window = hann();
  private readonly bins = Array.from({ length: ROWS }, (_, row) => filter(row));

  tile(samples: Float32Array, level: number): Uint8Array {
    const cells = new Uint8Array(ROWS * COLUMNS);
    const hop = HOP * FACTOR ** level;
    const nLooks = level === 0 ? 1 : FACTOR;
    const least = 10 ** (FLOOR_DB / 10);
    const powers = new Float64Array(ROWS);
    for (let column = 0; column < COLUMNS; column += 1) {
      powers.fill(0);
      for (let look = 0; look < nLooks; look += 1) {
        const start = column * hop + Math.floor(((2 * look + 1) * hop) / (2 * nLooks));
        this.look(samples, start, powers);
      }
      for (let row = 0; row < ROWS; row += 1) {
        const share = 1 - (10 * Math.log10((powers[row] as number) + least)) / FLOOR_DB;
        const value = Math.round(255 * Math.min(1, Math.max(0, share)));
        cells[(ROWS - 1 - row) * COLUMNS + column] = value;
      }
    }
    return cells;
  }

  /** Let each row have what it has in the window from a sample on, if that is more. */
  private look(samples: Float32Array, start: number, powers: Float64Array): void {
    const { input, output, window } = this;
    for (let i = 0; i < N_FFT; i += 1) {
      input[i] = (samples[start + i] ?? 0) * (window[i] as number);
    }
    this.fft.realTransform(output, input);
    this.bins.forEach(({ first, weights }, row) => {
      let power = 0;
      weights.forEach((weight, i) => {
        const [real, imaginary] = [output[2 * (first + i)] as number, output[2 * (first + i) + 1] as number];
        power += weight * (real * real + imaginary * imaginary);
      });
      if (power > (powers[row] as number)) powers[row] = power;
    });
  }
}

/** As `hann_window` in Python: a sine of full scale has a power of 1. */
function hann(): Float32Array {
  const raised = Float64Array.from({ length: N_FFT }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / N_FFT));
  const sum = raised.reduce((total, each) => total + each, 0);
  return Float32Array.from(raised, (each) => (each * 2) / sum);
}

/** The FFT bins of a row, a triangle around its centre; as `filters` in Python. */
function filter(row: number): { first: number; weights: Float32Array } {
  const centre = LOWEST * 2 ** ((row - 1) / 36);
  const resolution = RATE / N_FFT;
  const width = Math.max(centre * (2 ** (1 / 36) - 1), resolution);
  const first = Math.max(0, Math.ceil((centre - width) / resolution));
  const last = Math.floor((centre + width) / resolution);
  const weights = Float32Array.from({ length: last - first + 1 }, (_, i) =>
    Math.max(0, 1 - Math.abs((first + i) * resolution - centre) / width),
  );
  return { first, weights };
}
