/** How much louder the piano must play for the notes to be as loud as the recording. */

import { Piano } from "./piano.js";

/** The gain where nothing can be measured, and the least and greatest there is. */
export const USUAL = 3;
const LEAST = 0.2;
const MOST = 30;
/** Seconds of music that are compared, and samples a second of the rendering. */
export const EXCERPT = 12;
const RATE = 16_000;
/** The limiter bends loudness, so the gain is found by trying. */
const ATTEMPTS = 3;

/**
 * From the piano to the panner: a gain, then a limiter. The limiter's two equal channels
 * become one again, as the recording has, or panning would make one of them louder.
 */
export function outputStage(context, gain) {
  const level = new GainNode(context, { gain });
  const limiter = new DynamicsCompressorNode(context, { threshold: -8, ratio: 12 });
  const output = new GainNode(context, { channelCount: 1, channelCountMode: "explicit" });
  level.connect(limiter).connect(output);
  return { level, output };
}

/** Root mean square of samples from -1 to 1. */
export const rms = (samples) =>
  Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / Math.max(1, samples.length));

/**
 * @param {Piano} piano loaded
 * @param {import("./notes.js").Notes} notes
 * @param {Float32Array} recording samples from a second of the music on
 * @param {number} start that second
 * @param {number} seconds how many there are
 */
export async function matchingGain(piano, notes, recording, start, seconds) {
  const target = rms(recording);
  let gain = USUAL;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const level = rms(await rendered(piano, notes, start, seconds, gain));
    if (!(level > 1e-5 && target > 1e-5)) return USUAL;
    gain = Math.min(MOST, Math.max(LEAST, (gain * target) / level));
  }
  return gain;
}

/** The notes of some seconds as samples, as the page plays them. */
async function rendered(piano, notes, start, seconds, gain) {
  const context = new OfflineAudioContext(1, Math.ceil(seconds * RATE), RATE);
  const { level, output } = outputStage(context, gain);
  output.connect(context.destination);
  const player = new Piano(piano.samples);
  player.connect(context, level);
  const until = notes.soundsUntil();
  for (let i = notes.firstFrom(start); i < notes.length; i += 1) {
    if (notes.onset[i] >= start + seconds) break;
    player.strike(notes.pitch[i], notes.velocity[i], notes.onset[i] - start, until[i] - start);
  }
  return (await context.startRendering()).getChannelData(0);
}
