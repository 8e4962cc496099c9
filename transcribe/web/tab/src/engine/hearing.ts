/**
 * A recording as it is heard: block by block its samples, and the frames that the network sees.
 *
 * Samples come of all of it, frames of the part that is transcribed.
 */

import type { FeatureSettings } from "../settings";
import type { OpenRecording } from "./audio";
import { Features } from "./features";
import type { AudioWarning } from "./quality";
import type { Arrays } from "./safetensors";
import { Sound } from "./sound";
import { TuningMeter } from "./tuning";

/** What of a recording is made to frames. */
export interface HearingRange {
  /** Samples before which and from which on nothing is; frames are counted from the first. */
  first: number;
  last: number;
  /** Frames at the beginning that nobody needs. */
  skip: number;
}

export interface HeardBlock {
  samples: Float32Array;
  frames: Float32Array;
  /** Seconds of the recording so far. */
  seconds: number;
  /** Whether no more frames come. */
  isComplete: boolean;
}

/** What is known of a recording when it was read to its end. */
export interface HeardSound {
  /** Seconds. */
  duration: number;
  isSilent: boolean;
  warnings: AudioWarning[];
  /** Cents above A = 440 Hz; null where too little agrees on it. */
  cents: number | null;
  sureCents: number;
}

export class Hearing {
  private readonly sound: Sound;
  private readonly features: Features;
  private readonly tuning: TuningMeter;

  constructor(
    recording: OpenRecording,
    settings: FeatureSettings,
    arrays: Arrays,
    private readonly range: HearingRange,
  ) {
    this.sound = new Sound(recording, settings.sample_rate);
    this.features = new Features(settings, arrays, range.skip);
    this.tuning = new TuningMeter(settings.sample_rate);
  }

  async *blocks(): AsyncGenerator<HeardBlock> {
    const { first, last } = this.range;
    let nPassed = 0;
    let isComplete = false;
    for await (const samples of this.sound.blocks()) {
      const start = nPassed;
      nPassed += samples.length;
      let frames: Float32Array = new Float32Array(0);
      if (start < last && nPassed > first) {
        const heard = samples.subarray(Math.max(0, first - start), Math.min(samples.length, last - start));
        this.tuning.push(heard);
        frames = this.features.push(heard);
        isComplete = nPassed >= last;
        if (isComplete) frames = joined(frames, this.features.finish());
      }
      yield { samples, frames, seconds: this.sound.duration, isComplete };
    }
    if (isComplete) return;
    const frames = this.features.finish();
    yield { samples: new Float32Array(0), frames, seconds: this.sound.duration, isComplete: true };
  }

  /** For when all blocks are taken. */
  get heard(): HeardSound {
    const { duration, isSilent, warnings } = this.sound;
    return { duration, isSilent, warnings, cents: this.tuning.cents, sureCents: this.tuning.sureCents };
  }
}

function joined(first: Float32Array, second: Float32Array): Float32Array {
  const all = new Float32Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}
