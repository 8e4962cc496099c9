/**
 * Samples as they are played to keys and pedal, each decided once:
 * `transcribe/live/live_transcriber.py` and `transcribe/live/latency.py`.
 */

import { LiveDecoder, type LiveEvent } from "../decode/live-decoder";
import type { DecodeSettings, FrameGrid } from "../settings";
import { gridOf, SlidingWindow } from "./live-window";
import type { Model } from "./transcription";

/** Seconds: the least and the most latency. */
const LATENCIES = [0.15, 0.5] as const;
/** Seconds of the latency that are not for listening: half a frame, buffers, computing. */
const SPARE = 0.04;
/** What the network hears again with every frame. */
const WINDOW_SECONDS = 1.28;
/** With up to so many frames of look-ahead, the onset threshold; above, the one below. */
const THRESHOLDS = [[4, 0.5]] as const;
const MORE = 0.6;
/** Frames that are decided in one run where many are due. */
const MOST_FRAMES_AT_ONCE = 16;

/** How many frames are heard whole after a frame before it is decided. */
export function lookAheadOf(latency: number, grid: FrameGrid): number {
  if (!(latency >= LATENCIES[0] && latency <= LATENCIES[1])) {
    throw new RangeError(`a latency is 0.15 to 0.5 s; found ${latency}`);
  }
  return Math.max(Math.trunc(grid.position(latency - SPARE)) - 1, 1);
}

/** The settings of the decoder for a look-ahead. */
export function suitedTo(lookAhead: number, settings: DecodeSettings): DecodeSettings {
  const suited = THRESHOLDS.find(([most]) => lookAhead <= most)?.[1] ?? MORE;
  return { ...settings, onset_threshold: Math.min(settings.onset_threshold, suited) };
}

export class LiveTranscriber {
  /** Hertz of the samples that `push` takes. */
  readonly sampleRate: number;
  /** Seconds of sound from a frame until it is decided. */
  readonly wait: number;
  private readonly lookAhead: number;
  private readonly window: SlidingWindow;
  private readonly decoder: LiveDecoder;

  constructor(model: Model, latency: number) {
    const grid = gridOf(model);
    this.sampleRate = grid.sampleRate;
    this.lookAhead = lookAheadOf(latency, grid);
    this.wait = grid.seconds(this.lookAhead + 1);
    this.window = new SlidingWindow(model, Math.round(grid.position(WINDOW_SECONDS)));
    this.decoder = new LiveDecoder(grid, suitedTo(this.lookAhead, model.settings.decode));
  }

  /** Seconds of sound that were pushed. */
  get seconds(): number {
    return this.window.nSamples / this.sampleRate;
  }

  /** Take the next samples and give what they decide; all that has come goes through in one run. */
  async push(samples: Float32Array): Promise<LiveEvent[]> {
    this.window.push(samples.map((sample) => (Number.isFinite(sample) ? sample : 0)));
    const events: LiveEvent[] = [];
    const { window, decoder, lookAhead } = this;
    while (decoder.nDecided < window.nFrames - lookAhead) {
      const stop = Math.min(window.nFrames, decoder.nDecided + lookAhead + MOST_FRAMES_AT_ONCE);
      const { first, activations } = await window.run(stop);
      events.push(...decoder.take(activations, first, stop - lookAhead));
    }
    return events;
  }

  /** End the sound: what is still undecided is decided as it stands, and all comes up. */
  async finish(): Promise<LiveEvent[]> {
    const { window, decoder } = this;
    const events: LiveEvent[] = [];
    if (window.nFrames > decoder.nDecided) {
      const { first, activations } = await window.run(window.nFrames);
      events.push(...decoder.take(activations, first, window.nFrames));
    }
    return [...events, ...decoder.finish()];
  }
}
