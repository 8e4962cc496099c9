/**
 * The notes as sound: played on the page's own piano, a part at a time, so that an hour of
 * music needs no more memory than a minute.
 */

import { wavHeader } from "./wav";

/** Seconds that are rendered at once, and that a struck string sounds at most. */
const PART = 30;
const LONGEST_VOICE = 4;
const RATE = 44_100;
/** How much louder the piano is than its samples; as the page plays by itself. */
const GAIN = 3;

interface PianoModule {
  Piano: new (samples?: unknown[]) => {
    samples: unknown[];
    load(): Promise<void>;
    connect(context: BaseAudioContext, output: AudioNode): void;
    strike(pitch: number, velocity: number, when: number, until: number, late?: number): void;
  };
}
interface NotesModule {
  Notes: new (rows: unknown[], pedal: number[][]) => {
    length: number;
    end: number;
    onset: Float64Array;
    pitch: Uint8Array;
    velocity: Uint8Array;
    soundsUntil(): Float64Array;
    firstFrom(time: number): number;
  };
}
interface LoudnessModule {
  outputStage(context: BaseAudioContext, gain: number): { level: AudioNode; output: AudioNode };
}

export async function playedOnPiano(
  rows: unknown[],
  pedal: number[][],
  signal?: AbortSignal,
): Promise<Blob> {
  const { Piano } = (await import("../../../static/piano.js")) as unknown as PianoModule;
  const { Notes } = (await import("../../../static/notes.js")) as unknown as NotesModule;
  const { outputStage } = (await import("../../../static/loudness.js")) as unknown as LoudnessModule;
  const piano = new Piano();
  await piano.load();
  const notes = new Notes(rows, pedal);
  const until = notes.soundsUntil();
  const parts: Blob[] = [];
  let nBytes = 0;
  for (let start = 0; start < notes.end + LONGEST_VOICE; start += PART) {
    signal?.throwIfAborted();
    const seconds = Math.min(PART, notes.end + LONGEST_VOICE - start);
    const context = new OfflineAudioContext(1, Math.ceil(seconds * RATE), RATE);
    const { level, output } = outputStage(context, GAIN);
    output.connect(context.destination);
    const player = new Piano(piano.samples);
    player.connect(context, level);
    for (let i = notes.firstFrom(start - LONGEST_VOICE); i < notes.length; i += 1) {
      const [onset, end] = [notes.onset[i] as number, until[i] as number];
      if (onset >= start + seconds) break;
      const late = Math.max(0, start - onset);
      player.strike(
        notes.pitch[i] as number,
        notes.velocity[i] as number,
        Math.max(0, onset - start),
        Math.max(0, end - start),
        late,
      );
    }
    const samples = (await context.startRendering()).getChannelData(0);
    const part = Int16Array.from(samples, (sample) => Math.round(32_767 * Math.min(1, Math.max(-1, sample))));
    parts.push(new Blob([part]));
    nBytes += part.byteLength;
  }
  return new Blob([wavHeader(RATE, nBytes), ...parts], { type: "audio/wav" });
}
