/** The worker that has notes while the page records: pieces of sound come in, events go out. */

import type { LiveEvent } from "./decode/live-decoder";
import { inWords, TabError } from "./errors";
import { LiveTranscriber } from "./engine/live-transcriber";
import { loadModel } from "./engine/model";
import type { Model } from "./engine/transcription";
import type { Answer } from "./library.worker";

/** Open with a latency in ms; or of the draft `id` push samples or, without, close it. */
export interface LiveQuestion {
  number: number;
  latency?: number;
  id?: string;
  samples?: Float32Array;
}

let loading: Promise<Model> | null = null;
/** One that is being closed may still be there when the next is opened. */
const drafts = new Map<string, LiveTranscriber>();
let nOpened = 0;

async function answerTo({ latency, id = "", samples }: LiveQuestion): Promise<unknown> {
  if (latency !== undefined) return open(latency);
  const draft = drafts.get(id);
  if (!draft) {
    throw new TabError("draft_ended", "This draft has ended.", "The recording itself goes on.", 404);
  }
  if (!samples) drafts.delete(id);
  const events: LiveEvent[] = await (samples ? draft.push(samples) : draft.finish());
  return { events, seconds: draft.seconds };
}

async function open(latency: number): Promise<unknown> {
  loading ??= loadModel();
  const model = await loading.catch((error: unknown) => {
    loading = null;
    throw error;
  });
  // The first run is slow.
  await new LiveTranscriber(model, latency / 1000).push(new Float32Array(16_000));
  const draft = new LiveTranscriber(model, latency / 1000);
  nOpened += 1;
  const id = `draft-${nOpened}`;
  drafts.set(id, draft);
  return { id, sample_rate: draft.sampleRate, wait: draft.wait };
}

/** One question after the other: the network runs one at a time. */
let before: Promise<void> = Promise.resolve();

self.onmessage = ({ data }: MessageEvent<LiveQuestion>) => {
  before = before.then(async () => {
    let answer: Answer;
    try {
      answer = { number: data.number, value: await answerTo(data) };
    } catch (error) {
      const { words } = inWords(error);
      if (words.status === 0) console.error(error);
      answer = { number: data.number, error: words };
    }
    self.postMessage(answer);
  });
};
