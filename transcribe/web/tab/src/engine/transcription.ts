/**
 * The whole flow on one screen, as `transcribe/transcriber.py`: a recording in, candidates out.
 *
 *     recording -> sound -> features -> windows(network) -> candidates -> notes
 *
 * Memory does not grow with the length of the recording, but for the notes themselves.
 */

import {
  type Candidates,
  CandidateReader,
  type HeldRolls,
  noCandidates,
  thresholdsOf,
} from "../decode/candidates";
import { Decoder } from "../decode/decoder";
import { N_ACTIVATIONS } from "../decode/rolls";
import { RecordingError } from "../errors";
import { type DecodeSettings, type Excerpt, FrameGrid, type Settings, WHOLE } from "../settings";
import { Features } from "./features";
import { findClicks } from "./clicks";
import type { Network } from "./network";
import { type AudioWarning, isNoPiano, isOutOfTune, mostSeriousFirst } from "./quality";
import type { Arrays } from "./safetensors";
import type { Sound } from "./sound";
import { TuningMeter } from "./tuning";
import { firstNeeded, Windows, type Window, type WindowState } from "./windows";

export interface Model {
  settings: Settings;
  arrays: Arrays;
  network: Network;
}

/** What one window adds, with all that is needed to go on after it. */
export interface Step {
  candidates: Candidates;
  /** Samples that were read since the step before. */
  samples: Float32Array[];
  windows: WindowState;
  held: HeldRolls;
  /** Seconds of the recording that are heard. */
  seconds: number;
}

export interface Resumed {
  windows: WindowState;
  held: HeldRolls;
}

/** Seconds of sound after which a step is made where nothing is transcribed. */
const STEP_SECONDS = 30;

/**
 * Hear a recording window by window; the last steps have the rest of the candidates, and of the
 * sound where only a part is transcribed.
 */
export async function* steps(
  sound: Sound,
  model: Model,
  lowestThreshold: number,
  tuning: TuningMeter,
  resumed: Resumed | null = null,
  excerpt: Excerpt = WHOLE,
): AsyncGenerator<Step> {
  const { features: shape, windows: sizes, decode } = model.settings;
  const grid = new FrameGrid(shape.sample_rate, shape.hop_length);
  const state = resumed?.windows ?? { start: 0, done: 0 };
  // The network hears a little more on both sides, as it does of every window.
  const between: [number, number] = [grid.position(excerpt.start), grid.position(excerpt.stop)];
  const firstFrame = Math.max(0, Math.floor(between[0]) - sizes.context_frames);
  const first = firstFrame * shape.hop_length;
  const last = Math.round((between[1] + sizes.context_frames) * shape.hop_length);
  const features = new Features(shape, model.arrays, firstNeeded(sizes, state));
  const windows = new Windows(sizes, features.width, state);
  const reader = new CandidateReader(
    thresholdsOf({ ...decode, onset_threshold: Math.min(decode.onset_threshold, lowestThreshold) }),
    resumed?.held,
    firstFrame,
    between,
  );
  let samples: Float32Array[] = [];
  let nHeld = 0;
  let nPassed = 0;
  let done = state.done;
  const heard = async ({ frames, from, to }: Window): Promise<Candidates> => {
    const rolls = await model.network.activations(frames);
    done += to - from;
    return reader.push(rolls.subarray(from * N_ACTIVATIONS, to * N_ACTIVATIONS));
  };
  const step = (candidates: Candidates): Step => {
    const given = samples;
    samples = [];
    nHeld = 0;
    const seconds = Math.min(grid.seconds(firstFrame + done), excerpt.stop, sound.duration);
    return { candidates, samples: given, windows: windows.state, held: reader.state, seconds };
  };
  const finish = async function* (): AsyncGenerator<Step> {
    for (const window of windows.push(features.finish())) yield step(await heard(window));
    for (const window of windows.finish()) yield step(await heard(window));
    yield step(reader.finish());
  };

  if (!resumed && firstFrame) yield step(noCandidates(firstFrame));
  for await (const block of sound.blocks()) {
    const start = nPassed;
    nPassed += block.length;
    samples.push(block);
    nHeld += block.length;
    if (start < last && nPassed > first) {
      const heardOf = block.subarray(Math.max(0, first - start), Math.min(block.length, last - start));
      tuning.push(heardOf);
      for (const window of windows.push(features.push(heardOf))) yield step(await heard(window));
      if (nPassed >= last) yield* finish();
    } else if (nHeld > STEP_SECONDS * shape.sample_rate) yield step(noCandidates(0));
  }
  if (excerpt.start > 0 && sound.duration <= excerpt.start) throw new RecordingError("too_short");
  if (nPassed < last) yield* finish();
  else yield step(noCandidates(0));
}

export interface Conclusion {
  warnings: AudioWarning[];
  nNotes: number;
  /** Whether what was found is taken back: there is nothing but silence. */
  isSilent: boolean;
}

/** What is to be told of a recording that was read to its end; as `conclude` in Python. */
export function conclude(
  sound: Sound,
  tuning: TuningMeter,
  candidates: Candidates,
  decode: DecodeSettings,
  grid: FrameGrid,
  excerpt: Excerpt = WHOLE,
): Conclusion {
  const seconds = Math.max(0, Math.min(excerpt.stop, sound.duration) - excerpt.start);
  const decoder = new Decoder(grid, decode);
  decoder.take(candidates);
  decoder.finish();
  const notes = decoder.struck("sustained").map(({ note }) => note);
  const mean = notes.reduce((sum, note) => sum + note.confidence, 0) / notes.length;
  const guesses = notes.length > 0 && isNoPiano(mean, notes.length, seconds);
  let warnings = sound.warnings;
  const wasQuiet = warnings.some(({ kind }) => kind === "quiet");
  const isSilent = sound.isSilent || (wasQuiet && (!notes.length || guesses));
  if (isSilent) {
    warnings = warnings.filter(({ kind }) => kind !== "quiet");
    warnings.push({ kind: "silent", values: {} });
  } else if (!notes.length) {
    warnings.push({ kind: "no_notes", values: {} });
  } else if (guesses) {
    warnings.push({ kind: "low_confidence", values: { confidence: mean } });
  }
  if (!isSilent && notes.length) {
    const clicks = findClicks(notes, seconds);
    if (clicks) warnings.push({ kind: "clicks", values: clicks });
    const cents = tuning.cents;
    if (cents !== null && isOutOfTune(cents)) warnings.push({ kind: "tuning", values: { cents, a4: 440 } });
  }
  const nNotes = isSilent ? 0 : notes.length;
  return { warnings: mostSeriousFirst(warnings), nNotes, isSilent };
}
