/**
 * The whole flow on one screen, as `transcribe/transcriber.py`: a recording in, candidates out.
 *
 *     recording -> sound -> features -> windows(network) -> candidates -> notes
 *
 * Sound and features come from a `Hearing`, which another worker keeps some blocks ahead. Memory does not grow with the length of the recording, but for the notes themselves.
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
import { findClicks } from "./clicks";
import type { HeardBlock, HeardSound, HearingRange } from "./hearing";
import type { Network } from "./network";
import { type AudioWarning, isNoPiano, isOutOfTune, isTooShort, mostSeriousFirst } from "./quality";
import type { Arrays } from "./safetensors";
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
  /** Seconds of it that are read. */
  read: number;
}

export interface Resumed {
  windows: WindowState;
  held: HeldRolls;
}

/** Seconds of sound after which a step is made where nothing is transcribed, or no more is to be. */
const STEP_SECONDS = 30;

/** What is to be heard, and where the first frame lies in the recording. */
export function rangeOf(
  { settings }: Model,
  resumed: Resumed | null = null,
  excerpt: Excerpt = WHOLE,
): HearingRange & { firstFrame: number } {
  const { features, windows } = settings;
  const grid = new FrameGrid(features.sample_rate, features.hop_length);
  // The network hears a little more on both sides, as it does of every window.
  const firstFrame = Math.max(0, Math.floor(grid.position(excerpt.start)) - windows.context_frames);
  return {
    firstFrame,
    first: firstFrame * features.hop_length,
    last: Math.round((grid.position(excerpt.stop) + windows.context_frames) * features.hop_length),
    skip: firstNeeded(windows, resumed?.windows ?? BEGINNING),
  };
}

const BEGINNING: WindowState = { start: 0, done: 0 };

/**
 * Transcribe what is heard, window by window; the last steps have the rest of the candidates,
 * and of the sound where only a part is transcribed.
 *
 * @param blocks of the range that `rangeOf` tells
 */
export async function* steps(
  blocks: AsyncIterable<HeardBlock>,
  model: Model,
  lowestThreshold: number,
  resumed: Resumed | null = null,
  excerpt: Excerpt = WHOLE,
): AsyncGenerator<Step> {
  const { features, windows: sizes, decode } = model.settings;
  const grid = new FrameGrid(features.sample_rate, features.hop_length);
  const { firstFrame } = rangeOf(model, resumed, excerpt);
  const state = resumed?.windows ?? BEGINNING;
  const width = features.phases.reduce((sum, each) => sum + each, 0) * features.n_bins;
  const windows = new Windows(sizes, width, state);
  const reader = new CandidateReader(
    thresholdsOf({ ...decode, onset_threshold: Math.min(decode.onset_threshold, lowestThreshold) }),
    resumed?.held,
    firstFrame,
    [grid.position(excerpt.start), grid.position(excerpt.stop)],
  );
  let samples: Float32Array[] = [];
  let nHeld = 0;
  let done = state.done;
  let read = 0;
  let isFinished = false;
  const heard = async ({ frames, from, to }: Window): Promise<Candidates> => {
    const rolls = await model.network.activations(frames);
    done += to - from;
    return reader.push(rolls.subarray(from * N_ACTIVATIONS, to * N_ACTIVATIONS));
  };
  const step = (candidates: Candidates): Step => {
    const given = samples;
    samples = [];
    nHeld = 0;
    const seconds = Math.min(grid.seconds(firstFrame + done), excerpt.stop, read);
    return { candidates, samples: given, windows: windows.state, held: reader.state, seconds, read };
  };

  if (!resumed && firstFrame) yield step(noCandidates(firstFrame));
  for await (const block of blocks) {
    read = block.seconds;
    samples.push(block.samples);
    nHeld += block.samples.length;
    if (block.isComplete && excerpt.start > 0 && read <= excerpt.start) throw new RecordingError("too_short");
    for (const window of windows.push(block.frames)) yield step(await heard(window));
    if (block.isComplete && !isFinished) {
      for (const window of windows.finish()) yield step(await heard(window));
      yield step(reader.finish());
      isFinished = true;
    } else if (!block.frames.length && nHeld > STEP_SECONDS * features.sample_rate) {
      yield step(noCandidates(0));
    }
  }
  if (nHeld) yield step(noCandidates(0));
}

export interface Conclusion {
  warnings: AudioWarning[];
  nNotes: number;
  /** Whether what was found is taken back: there is nothing but silence. */
  isSilent: boolean;
}

/** What is to be told of a recording that was read to its end; as `conclude` in Python. */
export function conclude(
  sound: HeardSound,
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
  const isShort = !notes.length && isTooShort(seconds);
  const isSilent = !isShort && (sound.isSilent || (wasQuiet && (!notes.length || guesses)));
  if (isShort) {
    warnings = warnings.filter(({ kind }) => kind !== "quiet");
    warnings.push({ kind: "short", values: { seconds } });
  } else if (isSilent) {
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
    const { cents, sureCents } = sound;
    if (cents !== null && isOutOfTune(sureCents)) warnings.push({ kind: "tuning", values: { cents, a4: 440 } });
  }
  const nNotes = isSilent ? 0 : notes.length;
  return { warnings: mostSeriousFirst(warnings), nNotes, isSilent };
}
