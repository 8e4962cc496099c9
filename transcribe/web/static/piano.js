/** A sampled piano that notes are struck on ahead of time. */

import { trouble } from "./notices.js";
import { getPiano, getSample } from "./server.js";

/** Seconds in which a damped string falls silent to a third. */
const DAMPING = 0.09;
/** Seconds in which a sound that is cut off fades out. */
const FADE = 0.2;
/** Sounds fetched at the same time; more would keep the page from moving smoothly. */
const AT_ONCE = 2;
/** How loudness grows with velocity; as in the server's rendering. */
const TOUCH = 2.2;

export class Piano {
  /** @param {Array} samples of another piano that is loaded */
  constructor(samples = []) {
    this.samples = samples;
    this.voices = new Set();
    this.loading = null;
    this.context = this.output = null;
  }

  /**
   * Sound from now on.
   *
   * @param {AudioContext} context
   * @param {AudioNode} output
   */
  connect(context, output) {
    this.context = context;
    this.output = output;
  }

  /** Fetch and decode all its sounds, once. */
  load() {
    this.loading ??= this.fetchAll().catch((error) => {
      this.loading = null;
      throw error;
    });
    return this.loading;
  }

  async fetchAll() {
    const list = await getPiano();
    if (!list.length) throw trouble("play.no.piano");
    const decoder = new OfflineAudioContext(1, 1, 44_100);
    const samples = [];
    const waiting = list.values();
    const lane = async () => {
      for (const { pitch, velocity, url, lead, gain } of waiting) {
        const buffer = await decoder.decodeAudioData(await getSample(url));
        samples.push({ pitch, velocity, buffer: shaped(buffer, lead, gain) });
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
    this.samples = samples;
  }

  /** The sample of the nearest key among those made for a velocity. */
  sampleFor(pitch, velocity) {
    let best = null;
    let least = Infinity;
    for (const sample of this.samples) {
      const spare = sample.velocity - velocity;
      const distance = Math.abs(sample.pitch - pitch) * 1000 + (spare < 0 ? 200 - spare : spare);
      if (distance < least) [best, least] = [sample, distance];
    }
    return best;
  }

  /**
   * Strike a key.
   *
   * @param {number} when time of the context
   * @param {number} until when it is damped
   * @param {number} late seconds of the sound to leave out, for notes that already sound
   */
  strike(pitch, velocity, when, until, late = 0) {
    const sample = this.sampleFor(pitch, velocity);
    if (!sample || late >= sample.buffer.duration) return;
    const source = new AudioBufferSourceNode(this.context, {
      buffer: sample.buffer,
      playbackRate: 2 ** ((pitch - sample.pitch) / 12),
    });
    const loudness = (velocity / 127) ** TOUCH;
    const gain = new GainNode(this.context, { gain: loudness });
    gain.gain.setValueAtTime(loudness, Math.max(when, until));
    gain.gain.setTargetAtTime(0, Math.max(when, until), DAMPING);
    source.connect(gain).connect(this.output);
    source.start(when, late * source.playbackRate.value);
    source.stop(Math.max(when, until) + 8 * DAMPING);
    const voice = { source, gain };
    this.voices.add(voice);
    source.onended = () => {
      this.voices.delete(voice);
      gain.disconnect();
    };
  }

  /** Damp everything that sounds or was to sound. */
  silence() {
    if (!this.context) return;
    const now = this.context.currentTime;
    for (const { source, gain } of this.voices) {
      gain.gain.cancelScheduledValues(now);
      gain.gain.setTargetAtTime(0, now, 0.02);
      source.stop(now + 0.15);
    }
    this.voices.clear();
  }
}

/**
 * A sound without its first `lead` seconds, or so much later if that is below 0, `gain` times as
 * loud, faded out where it ends.
 */
function shaped(buffer, lead = 0, gain = 1) {
  const { sampleRate } = buffer;
  const first = Math.round(lead * sampleRate);
  if (!first && gain === 1) return buffer;
  const whole = buffer.getChannelData(0);
  const samples = new Float32Array(whole.length - first);
  samples.set(whole.subarray(Math.max(0, first)), Math.max(0, -first));
  const fade = Math.min(samples.length, Math.round(FADE * sampleRate));
  for (let i = 0; i < samples.length; i += 1) {
    samples[i] *= gain * Math.min(1, (samples.length - i) / fade);
  }
  const result = new AudioBuffer({ length: samples.length, numberOfChannels: 1, sampleRate });
  result.copyToChannel(samples, 0);
  return result;
}
