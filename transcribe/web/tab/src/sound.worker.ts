/**
 * The worker that reads a recording, a few blocks ahead of the one that transcribes it: while the
 * network runs there, the next sound is decoded and made to frames here. One for each recording.
 */

import { openRecording, type Piece } from "./engine/audio";
import { Hearing, type HeardBlock, type HeardSound, type HearingRange } from "./engine/hearing";
import type { Arrays } from "./engine/safetensors";
import { type ErrorWords, inWords } from "./errors";
import type { FeatureSettings } from "./settings";

/** What is to be heard; after it, `null` for every block that was taken. */
export interface SoundQuestion {
  file: Blob;
  settings: FeatureSettings;
  arrays: Arrays;
  range: HearingRange;
  /** Blocks that may wait to be taken. */
  ahead: number;
}

/** To decode a file as a whole, which only a page can. */
export interface DecodeQuestion {
  file: Blob;
  answer: MessagePort;
}

export type SoundAnswer =
  | { kind: "opened"; duration: number | null }
  | { kind: "block"; block: HeardBlock }
  | { kind: "ended"; heard: HeardSound }
  | { kind: "failed"; error: ErrorWords }
  | ({ kind: "decode" } & DecodeQuestion);

const tell = (answer: SoundAnswer, transfer: Transferable[] = []): void => self.postMessage(answer, { transfer });

/** Blocks that may still be sent. */
let room = 0;
let roomier = (): void => {};

function decodeWhole(file: Blob): Promise<Piece | null> {
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    port1.onmessage = ({ data }) => resolve(data as Piece | null);
    tell({ kind: "decode", file, answer: port2 }, [port2]);
  });
}

async function hear({ file, settings, arrays, range, ahead }: SoundQuestion): Promise<void> {
  room = ahead;
  try {
    const recording = await openRecording(file, decodeWhole);
    tell({ kind: "opened", duration: recording.duration });
    const hearing = new Hearing(recording, settings, arrays, range);
    for await (const block of hearing.blocks()) {
      while (!room) await new Promise<void>((resolve) => (roomier = resolve));
      room -= 1;
      tell({ kind: "block", block }, [block.samples.buffer as ArrayBuffer, block.frames.buffer as ArrayBuffer]);
    }
    tell({ kind: "ended", heard: hearing.heard });
  } catch (error) {
    console.warn("reading failed:", error);
    tell({ kind: "failed", error: inWords(error).words });
  }
}

self.onmessage = ({ data }: MessageEvent<SoundQuestion | null>) => {
  if (data) {
    void hear(data);
    return;
  }
  room += 1;
  roomier();
};
