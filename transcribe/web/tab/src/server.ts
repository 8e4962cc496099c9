/**
 * What the page asks, answered in the tab: the functions of `static/server.js`, in its place.
 *
 * The page's modules import `./server.js`; the build of the site gives them this one.
 */

import { t } from "../../static/texts.js";
import { size } from "../../static/words.js";
import type { News } from "./library/database";
import { CHANNEL } from "./library/database";
import type { RecordingWords } from "./library/describe";
import type { Asked } from "./library/edits";
import type { LiveEvent } from "./decode/live-decoder";
import type { Download } from "./library/downloads";
import type { Library } from "./library/library";
import type { Answer, Question } from "./library.worker";
import { notLoaded, notSecure, TabError } from "./errors";
import { playedOnPiano } from "./export/played";
import { rollFile } from "./export/roll-file";
import { COLUMNS } from "./export/thumbnail";

export { TabError as ServerError };

declare const VERSION: string;

const place = (name: string): URL => new URL(name, document.baseURI);

/** A worker that is started when it is first asked, and answers questions by their numbers. */
class WorkerAsked {
  private worker: Worker | null = null;
  private n = 0;
  private readonly waiting = new Map<
    number,
    { resolve: (value: never) => void; reject: (error: Error) => void }
  >();

  constructor(private readonly script: string) {}

  ask<Value>(question: object, transfer: Transferable[] = []): Promise<Value> {
    if (!isSecureContext) return Promise.reject(notSecure());
    this.n += 1;
    const number = this.n;
    return new Promise((resolve, reject) => {
      this.waiting.set(number, { resolve: resolve as (value: never) => void, reject });
      this.started().postMessage({ ...question, number }, { transfer });
    });
  }

  private started(): Worker {
    if (this.worker) return this.worker;
    this.worker = new Worker(place(this.script), { type: "module" });
    this.worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      const question = this.waiting.get(data.number);
      this.waiting.delete(data.number);
      if (!question) return;
      if ("error" in data) {
        const { kind, message, hint, status, values } = data.error;
        question.reject(new TabError(kind, message, hint, status, values));
      } else question.resolve(data.value as never);
    };
    this.worker.onerror = () => {
      for (const { reject } of this.waiting.values()) reject(notLoaded());
      this.waiting.clear();
      this.worker = null;
    };
    return this.worker;
  }
}

const library = new WorkerAsked(`library.worker.js?version=${VERSION}`);
const live = new WorkerAsked("live.worker.js");

type Method = Exclude<keyof Library, "tell">;

function ask<Name extends Method>(
  method: Name,
  ...given: Library[Name] extends (...given: infer Given) => unknown ? Given : never
): Promise<Library[Name] extends (...given: never[]) => Promise<infer Value> ? Value : never> {
  return library.ask({ method, given } satisfies Omit<Question, "number">);
}

/** What the page can do here, and what it can't. */
export const offers = { continued: false, score: false, byAddress: false };

/** The text that is told of a recording in work. */
export const WORKING_HINT = "tab.working";

export const listRecordings = async (): Promise<Record<string, unknown>> => {
  const listed = await ask("listRecordings");
  return { ...listed, room: roomInWords(listed.bytes_used as number, listed.bytes_free as number) };
};

function roomInWords(used: number, free: number): string {
  return t("tab.room", { used: size(used), free: size(free) });
}

export const getRecording = (id: string): Promise<RecordingWords> => ask("getRecording", id);
export const renameRecording = (id: string, name: string): Promise<RecordingWords> =>
  ask("renameRecording", id, name);
export const getThumbnail = async (id: string): Promise<{ cells: Uint8Array; columns: number }> => ({
  cells: await ask("getThumbnail", id),
  columns: COLUMNS,
});
export const removeRecording = (id: string): Promise<null> => ask("removeRecording", id);
export const cancelRecording = (id: string): Promise<RecordingWords> => ask("cancelRecording", id);
export const pauseRecording = (id: string): Promise<RecordingWords> => ask("pauseRecording", id);
export const resumeRecording = (id: string): Promise<RecordingWords> => ask("resumeRecording", id);
export const repeatRecording = (id: string): Promise<RecordingWords> => ask("repeatRecording", id);
export const putPart = (
  id: string,
  part: { from: number | null; to: number | null },
): Promise<RecordingWords> => ask("putPart", id, part);
export const clearLibrary = (): Promise<null> => ask("clear");

export const getNotes = (id: string, since: string): Promise<unknown> => ask("getNotes", id, since);
export const getFaint = (id: string): Promise<unknown> => ask("getFaint", id);
export const putSettings = (
  id: string,
  since: string,
  settings: Parameters<Library["putSettings"]>[2],
): Promise<unknown> => ask("putSettings", id, since, settings);
export const postEdits = (id: string, since: string, changes: Asked[]): Promise<unknown> =>
  ask("postEdits", id, since, changes);
export const postUndo = (id: string, since: string): Promise<unknown> => ask("postUndo", id, since);
export const postRedo = (id: string, since: string): Promise<unknown> => ask("postRedo", id, since);

export const getWaveform = (id: string): Promise<{ pairs: Int8Array; perSecond: number }> =>
  ask("getWaveform", id);

export const getSpectrogram = (id: string, level: number, number: number): Promise<Uint8Array> =>
  ask("getSpectrogram", id, level, number);

/** Beats, sheet music and continuations are not made in the browser; `offers` tells the page so. */
export async function getScore(): Promise<never> {
  throw new Error("sheet music is not made in the browser; transcribe score writes it");
}
export const getBeats = getScore;
export const putWishes = getScore;
export const quit = getScore;
export const getContinuation = getScore;

/** Pages of A4, an SVG each; of the roll only, as there is no score here. */
export const getPages = async (id: string): Promise<string[]> => (await ask("getRoll", id)).pages;

/** The recorded notes that transcriptions are played with; see `transcribe/web/site.py`. */
export async function getPiano(): Promise<Record<string, unknown>[]> {
  const text = new TextDecoder().decode(await getSample(place("piano/piano.json").href));
  const listed = JSON.parse(text) as { file: string }[];
  return listed.map(({ file, ...sample }) => ({ ...sample, url: place(`piano/${file}`).href }));
}

export async function getSample(url: string): Promise<ArrayBuffer> {
  const answer = await fetch(url).catch(() => null);
  if (!answer?.ok) throw notLoaded();
  return answer.arrayBuffer();
}

export const SOUND_RATE = 16_000;
const WAV_HEADER = 44;
/** The address of each recording's sound that was given last, and how many bytes it has. */
const addresses = new Map<string, { address: string; size: number }>();

/** Address of the recording's own sound, of as much as there is by now. */
export async function soundAddress(id: string): Promise<string> {
  const file = await ask("getSoundFile", id);
  const known = addresses.get(id);
  if (known?.size === file.size) return known.address;
  if (known) setTimeout(() => URL.revokeObjectURL(known.address), 60_000);
  const address = URL.createObjectURL(file);
  addresses.set(id, { address, size: file.size });
  return address;
}

/** Some seconds of it as samples from -1 to 1. */
export async function getSound(id: string, start: number, seconds: number): Promise<Float32Array> {
  const file = await ask("getSoundFile", id);
  const first = WAV_HEADER + 2 * Math.round(start * SOUND_RATE);
  const bytes = await file.slice(first, first + 2 * Math.round(seconds * SOUND_RATE)).arrayBuffer();
  const samples = new Int16Array(bytes, 0, Math.floor(bytes.byteLength / 2));
  return Float32Array.from(samples, (sample) => sample / 32_768);
}

/** A download has no address of its own here; its link leads to the recording. */
export const downloadAddress = (id: string, _kind: string): string =>
  `#/recording/${encodeURIComponent(id)}`;
export const originalAddress = (id: string): string => downloadAddress(id, "original");

export async function getDownload(
  id: string,
  kind: string,
  signal?: AbortSignal,
): Promise<Download> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal?.reason as Error);
    signal?.addEventListener("abort", stop);
    makeDownload(id, kind, signal)
      .then(resolve, reject)
      .finally(() => signal?.removeEventListener("abort", stop));
  });
}

async function makeDownload(id: string, kind: string, signal?: AbortSignal): Promise<Download> {
  if (kind === "roll.svg" || kind === "roll.png") {
    const { pages, name } = await ask("getRoll", id);
    return rollFile(pages, kind === "roll.svg" ? "svg" : "png", name, signal);
  }
  if (kind !== "wav") return ask("getDownload", id, kind);
  const { rows, pedal, name } = await ask("getPlayed", id);
  return { blob: await playedOnPiano(rows, pedal, signal), name };
}

/** Address of the script that takes sound out of the browser's audio thread. */
export const liveSoundAddress = (): string => place("live-sound.js").href;

interface LiveAnswer {
  events: LiveEvent[];
  seconds: number;
}

/** Begin to have notes while recording. */
export const openLive = (
  latency: number,
): Promise<{ id: string; sample_rate: number; wait: number }> => live.ask({ latency });
export const pushLive = (id: string, samples: Float32Array): Promise<LiveAnswer> =>
  live.ask({ id, samples }, [samples.buffer as ArrayBuffer]);
export const closeLive = (id: string): Promise<LiveAnswer> => live.ask({ id });

/** Keep a file; resolves to the new recording. */
export async function upload(
  file: Blob,
  name: string,
  onProgress: (fraction: number) => void,
  signal: AbortSignal,
): Promise<RecordingWords> {
  signal.throwIfAborted();
  const recording = await ask("upload", file, name);
  onProgress(1);
  return recording;
}

/** The tab itself does the work; it is "back" when its owner has emptied the browser's storage. */
export const connection = new EventTarget();
new BroadcastChannel(CHANNEL).onmessage = ({ data }) => {
  if ((data as News).kind === "reopened") connection.dispatchEvent(new Event("back"));
};

type Handlers = Record<string, ((detail: never) => void) | undefined>;

function listen(handle: (news: News) => void): () => void {
  const channel = new BroadcastChannel(CHANNEL);
  channel.onmessage = ({ data }) => handle(data as News);
  return () => channel.close();
}

export const watchAll = (
  onRecording: (recording: unknown) => void,
  onDeleted: (deleted: { id: string }) => void,
): (() => void) =>
  listen((news) => {
    if (news.kind === "state" || news.kind === "progress") onRecording(news.recording);
    if (news.kind === "deleted") onDeleted({ id: news.id });
  });

/** Watch one recording; handlers as in `static/server.js`. */
export function watchOne(id: string, handlers: Handlers): () => void {
  return listen((news) => {
    if (news.kind === "queued" || news.kind === "reopened" || news.id !== id) return;
    const detail = news.kind === "state" || news.kind === "progress" ? news.recording : news;
    handlers[news.kind]?.(detail as never);
  });
}
