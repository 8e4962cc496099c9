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

/** Milliseconds until the library is opened again. */
const PAUSE = 5000;

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

let wake = (): void => {};
channel.onmessage = ({ data }) => (data as News).kind === "queued" && wake();
const untilQueued = (): Promise<void> => new Promise((resolve) => (wake = resolve));

/** Work for as long as the library is there: the browser closes it when its owner empties it. */
async function work(): Promise<void> {
  for (;;) {
    const queued = untilQueued();
    try {
      await workOn(await openDatabase());
    } catch (error) {
      console.warn("the library is closed:", error);
      await Promise.race([queued, new Promise((resolve) => setTimeout(resolve, PAUSE))]);
    }
  }
}

async function workOn(database: Database): Promise<void> {
  for (;;) {
    const queued = untilQueued();
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
