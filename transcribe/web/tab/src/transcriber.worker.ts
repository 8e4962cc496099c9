/**
 * The worker that transcribes what is queued, one recording after another.
 *
 * Of all tabs only one transcribes: the one that holds the lock. When it is closed, another one
 * goes on with what it left.
 */

import { loadModel } from "./engine/model";
import type { Model } from "./engine/transcription";
import { CHANNEL, type Database, type Entry, type News, openDatabase, WORK_LOCK } from "./library/database";
import { transcribeEntry } from "./library/job";
import type { DecodeQuestion } from "./sound.worker";

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

/** Have the page decode a file, as workers can't. */
const askPage = (question: DecodeQuestion): void => self.postMessage(question, { transfer: [question.answer] });

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
    if (!(await transcribeEntry(database, entry.id, model, askPage, tell))) await queued;
  }
}

self.onmessage = () => void model().catch(() => {});
void navigator.locks.request(WORK_LOCK, work);
