/**
 * The worker that transcribes what is queued, one recording after another.
 *
 * Of all tabs only one transcribes: the one that holds the lock. When it is closed, another one
 * goes on with what it left.
 */

import type { Piece } from "./engine/audio";
import { loadModel } from "./engine/model";
import type { Model } from "./engine/transcription";
import { CHANNEL, type Database, type Entry, type News, openDatabase, WORK_LOCK } from "./library/database";
import { transcribeEntry } from "./library/job";

/** What the page may be asked: to decode a file as a whole. */
export interface DecodeQuestion {
  file: Blob;
  answer: MessagePort;
}

const channel = new BroadcastChannel(CHANNEL);
const tell = (news: News): void => channel.postMessage(news);

let loading: Promise<Model> | null = null;

/** Fetch the network and all that goes with it, once. */
function model(): Promise<Model> {
  loading ??= loadModel().catch((error: unknown) => {
    loading = null;
    throw error;
  });
  return loading;
}

/** Have the page decode a file, as workers can't; null where it can't either. */
function decodeWhole(file: Blob): Promise<Piece | null> {
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    port1.onmessage = ({ data }) => resolve(data as Piece | null);
    self.postMessage({ file, answer: port2 } satisfies DecodeQuestion, { transfer: [port2] });
  });
}

/** What is to be done next: what was begun, then what waits the longest. */
async function next(database: Database): Promise<Entry | null> {
  const entries = await database.getAll("recordings");
  const waiting = entries.filter(({ state }) => state === "working" || state === "queued");
  waiting.sort((a, b) =>
    Number(b.state === "working") - Number(a.state === "working") || a.number - b.number,
  );
  return waiting[0] ?? null;
}

async function work(): Promise<void> {
  const database = await openDatabase();
  let wake = (): void => {};
  channel.onmessage = ({ data }) => (data as News).kind === "queued" && wake();
  for (;;) {
    const queued = new Promise<void>((resolve) => (wake = resolve));
    const entry = await next(database);
    if (!entry) {
      await queued;
      continue;
    }
    if (!(await transcribeEntry(database, entry.id, model, decodeWhole, tell))) await queued;
  }
}

self.onmessage = () => void model().catch(() => {});
void navigator.locks.request(WORK_LOCK, work);
