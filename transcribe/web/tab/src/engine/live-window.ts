/** The last moments of a sound through the network, again and again: `transcribe/live/window.py`. */

import { FrameGrid } from "../settings";
import { Features } from "./features";
import type { Model } from "./transcription";

/** One run: the first frame, and the activations of it and those that follow. */
export interface Run {
  first: number;
  activations: Float32Array;
}

export class SlidingWindow {
  private readonly features: Features;
  private readonly hop: number;
  private complete: Float32Array;
  /** Frames whose spectra no later sample changes. */
  private nComplete = 0;
  /** From a margin before the first frame that is not complete. */
  private held: Float32Array;
  nSamples = 0;

  /** @param windowFrames how many frames the network sees at once, at most */
  constructor(
    private readonly model: Model,
    private readonly windowFrames: number,
  ) {
    this.features = new Features(model.settings.features, model.arrays);
    this.hop = model.settings.features.hop_length;
    this.complete = new Float32Array(0);
    this.held = new Float32Array(this.features.margin);
  }

  /** How many frames are centred on the samples so far, their whole hop included. */
  get nFrames(): number {
    return Math.floor(this.nSamples / this.hop);
  }

  push(samples: Float32Array): void {
    this.held = joined(this.held, samples);
    this.nSamples += samples.length;
  }

  /** The frames up to `stop`, hearing no sample of a later one. */
  async run(stop: number): Promise<Run> {
    const { margin, width } = this.features;
    const nOpen = stop - this.nComplete;
    const heard = new Float32Array(2 * margin + nOpen * this.hop); // silence beyond the sound
    heard.set(this.held.subarray(0, margin + nOpen * this.hop));
    const fresh = this.features.whole(heard);
    const most = this.windowFrames * width;
    const frames = joined(this.complete, fresh).slice(-most);
    const nWhole = Math.max(nOpen - Math.ceil(margin / this.hop), 0);
    this.complete = joined(this.complete, fresh.subarray(0, nWhole * width)).slice(-most);
    this.held = this.held.slice(nWhole * this.hop);
    this.nComplete += nWhole;
    const first = stop - frames.length / width;
    return { first, activations: await this.model.network.activations(frames) };
  }
}

/** The converter between seconds and the frames of a model. */
export const gridOf = ({ settings: { features } }: Model): FrameGrid =>
  new FrameGrid(features.sample_rate, features.hop_length);

function joined(first: Float32Array, second: Float32Array): Float32Array {
  const both = new Float32Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
