/**
 * The whole flow on one screen, as `transcribe/transcriber.py`: a recording in, candidates out.
 *
 *     recording -> sound -> features -> windows(network) -> candidates -> notes
 *
 * Memory does not grow with the length of the recording, but for the notes themselves.
 */

import { type Candidates, CandidateReader, type HeldRolls, thresholdsOf } from "../decode/candidates";
import { Decoder } from "../decode/decoder";
import { N_ACTIVATIONS } from "../decode/rolls";
import { type DecodeSettings, FrameGrid, type Settings } from "../settings";
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

/** Hear a recording window by window; the last step has the rest of the candidates. */
export async function* steps(
  sound: Sound,
  model: Model,
  lowestThreshold: number,
  tuning: TuningMeter,
  resumed: Resumed | null = null,
): AsyncGenerator<Step> {
  const { features: shape, windows: sizes, decode } = model.settings;
  const grid = new FrameGrid(shape.sample_rate, shape.hop_length);
  const state = resumed?.windows ?? { start: 0, done: 0 };
  const features = new Features(shape, model.arrays, firstNeeded(sizes, state));
  const windows = new Windows(sizes, features.width, state);
  const reader = new CandidateReader(
    thresholdsOf({ ...decode, onset_threshold: Math.min(decode.onset_threshold, lowestThreshold) }),
    resumed?.held,
  );
  let samples: Float32Array[] = [];
  let done = state.done;
  const heard = async ({ frames, from, to }: Window): Promise<Candidates> => {
    const rolls = await model.network.activations(frames);
    done += to - from;
    return reader.push(rolls.subarray(from * N_ACTIVATIONS, to * N_ACTIVATIONS));
  };
  const step = (candidates: Candidates): Step => {
    const given = samples;
    samples = [];
    const seconds = Math.min(grid.seconds(done), sound.duration);
    return { candidates, samples: given, windows: windows.state, held: reader.state, seconds };
  };

  for await (const block of sound.blocks()) {
    tuning.push(block);
    samples.push(block);
    for (const window of windows.push(features.push(block))) yield step(await heard(window));
  }
  for (const window of windows.push(features.finish())) yield step(await heard(window));
  for (const window of windows.finish()) yield step(await heard(window));
  yield step(reader.finish());
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
): Conclusion {
  const decoder = new Decoder(grid, decode);
  decoder.take(candidates);
  decoder.finish();
  const notes = decoder.struck("sustained").map(({ note }) => note);
  const mean = notes.reduce((sum, note) => sum + note.confidence, 0) / notes.length;
  const guesses = notes.length > 0 && isNoPiano(mean, notes.length, sound.duration);
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
    const clicks = findClicks(notes, sound.duration);
    if (clicks) warnings.push({ kind: "clicks", values: clicks });
    const cents = tuning.cents;
    if (cents !== null && isOutOfTune(cents)) warnings.push({ kind: "tuning", values: { cents, a4: 440 } });
  }
  const nNotes = isSilent ? 0 : notes.length;
  return { warnings: mostSeriousFirst(warnings), nNotes, isSilent };
}
