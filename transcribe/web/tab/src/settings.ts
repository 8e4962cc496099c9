/** The settings that a weights file carries, named as in the file (`transcribe/checkpoint.py`). */

/** What the network sees of a recording; see `FeatureConfig` in `transcribe/features.py`. */
export interface FeatureSettings {
  sample_rate: number;
  hop_length: number;
  windows: number[];
  phases: number[];
  n_bins: number;
  floor_db: number;
}

/** How much it sees at once; see `WindowConfig` in `transcribe/windows.py`. */
export interface WindowSettings {
  window_frames: number;
  context_frames: number;
}

/** What counts as a note; see `DecodeConfig` in `transcribe/decode/decoder.py`. */
export interface DecodeSettings {
  onset_threshold: number;
  offset_threshold: number;
  frame_threshold: number;
  sounding_threshold: number;
  pedal_threshold: number;
  pedal_hysteresis: number;
  release_tolerance: number;
  offsets: "key" | "sustained";
  minimum_repeat: number;
  minimum_duration: number;
  prolong_to: number;
  bridge_frames: number;
  minimum_press: number;
  minimum_lift: number;
  pedal_grace: number;
  velocity_tilt: number;
  confidence_slope: number;
  confidence_shift: number;
}

export interface Settings {
  /** Name and version of the weights, as in a MIDI file. */
  name: string;
  features: FeatureSettings;
  windows: WindowSettings;
  decode: DecodeSettings;
}

/** A part of a recording, in seconds; as `transcribe/excerpt.py`. */
export interface Excerpt {
  start: number;
  stop: number;
}
export const WHOLE: Excerpt = { start: 0, stop: Infinity };

/** Seconds and frames: the only converter. Frame `i` is centred on sample `i * hop_length`. */
export class FrameGrid {
  constructor(
    readonly sampleRate: number,
    readonly hopLength: number,
  ) {}

  seconds(position: number): number {
    return (position * this.hopLength) / this.sampleRate;
  }

  position(seconds: number): number {
    return (seconds * this.sampleRate) / this.hopLength;
  }

  nFrames(nSamples: number): number {
    return Math.ceil(nSamples / this.hopLength);
  }
}
