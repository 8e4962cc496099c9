/**
 * A recording as mono blocks at the network's sample rate, measured as they are read.
 *
 * As `LevelledReader` and `Sound` in `transcribe/audio`: channels become one, and a recording
 * that is very quiet throughout is made louder.
 */

import type { OpenRecording } from "./audio";
import { Mixdown } from "./mixdown";
import { type AudioWarning, CLIPPED_LEVEL, isDistorted, SILENCE_DB } from "./quality";
import { Resampler } from "./resampler";

/** About how much one block holds. */
const BLOCK_SECONDS = 10;
/** What never rises above this is made louder, so that its greatest sample comes to lie at LOUD. */
const QUIET = 10 ** (-50 / 20);
const LOUD = 0.5;
const SILENCE = 10 ** (SILENCE_DB / 20);
/** A sample of this size or more is as little a sample as NaN. */
const ABSURD = 1e12;

export class Sound {
  nSamples = 0;
  peak = 0;
  private nClipped = 0;
  private nUnusable = 0;
  private secondsTurned = 0;
  private gain = 1;

  constructor(
    private readonly recording: OpenRecording,
    private readonly sampleRate: number,
  ) {}

  /** Seconds so far. */
  get duration(): number {
    return this.nSamples / this.sampleRate;
  }

  get isSilent(): boolean {
    return this.peak < SILENCE;
  }

  get warnings(): AudioWarning[] {
    const found = [...this.recording.warnings];
    if (this.secondsTurned) found.push({ kind: "antiphase", values: { seconds: this.secondsTurned } });
    if (this.gain !== 1) {
      found.push({ kind: "quiet", values: { peak_db: 20 * Math.log10(LOUD / this.gain) } });
    }
    if (this.nUnusable) found.push({ kind: "not_finite", values: { n_samples: this.nUnusable } });
    const share = this.nClipped / Math.max(this.nSamples, 1);
    if (isDistorted(share)) found.push({ kind: "clipped", values: { share } });
    return found;
  }

  /** Blocks of any length; joined they are the whole recording resampled at once. */
  async *blocks(): AsyncGenerator<Float32Array> {
    this.gain = await this.gainOf();
    for await (const block of this.read()) {
      for (let i = 0; i < block.length; i += 1) {
        const sample = (block[i] as number) * this.gain;
        block[i] = sample;
        const level = Math.abs(sample);
        if (level > this.peak) this.peak = level;
        if (level >= CLIPPED_LEVEL) this.nClipped += 1;
      }
      this.nSamples += block.length;
      yield block;
    }
  }

  /** What to multiply the recording with; only one that begins very quietly is read for it. */
  private async gainOf(): Promise<number> {
    let peak = 0;
    for await (const block of this.read()) {
      for (const sample of block) peak = Math.max(peak, Math.abs(sample));
      if (peak >= QUIET) return 1;
    }
    return peak >= SILENCE ? LOUD / peak : 1;
  }

  private async *read(): AsyncGenerator<Float32Array> {
    this.secondsTurned = this.nUnusable = 0;
    let rate = 0;
    let mixdown: Mixdown | null = null;
    let resampler: Resampler | null = null;
    for await (const piece of this.recording.pieces()) {
      if (!mixdown || !resampler || piece.rate !== rate) {
        if (mixdown && resampler) yield resampler.push(mixdown.take(), true);
        if (mixdown) this.secondsTurned += mixdown.nTurned / rate;
        rate = piece.rate;
        mixdown = new Mixdown(rate);
        resampler = new Resampler(rate, this.sampleRate);
      }
      for (const channel of piece.channels) this.nUnusable += sanitise(channel);
      mixdown.push(piece.channels);
      if (mixdown.nPending >= BLOCK_SECONDS * rate) yield resampler.push(mixdown.take());
    }
    if (mixdown && resampler) {
      yield resampler.push(mixdown.take(), true);
      this.secondsTurned += mixdown.nTurned / rate;
    }
  }
}

/** Put 0 for samples that are none, and count them. */
function sanitise(samples: Float32Array): number {
  let nUnusable = 0;
  for (let i = 0; i < samples.length; i += 1) {
    if (Math.abs(samples[i] as number) < ABSURD) continue;
    samples[i] = 0;
    nUnusable += 1;
  }
  return nUnusable;
}
