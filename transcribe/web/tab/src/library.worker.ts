/** The worker that keeps the library: questions come in, answers go out. */

import { type ErrorWords, inWords } from "./errors";
import { CHANNEL, type News } from "./library/database";
import { Library } from "./library/library";

/** A question to the library: one of its methods, and what it is given. */
export interface Question {
  number: number;
  method: string;
  given: unknown[];
}

/** What comes of it. */
export type Answer =
  | { number: number; value: unknown }
  | { number: number; error: ErrorWords };

const channel = new BroadcastChannel(CHANNEL);
const tell = (news: News): void => channel.postMessage(news);
const version = new URL(self.location.href).searchParams.get("version") ?? "";
let library: Promise<Library> | null = null;

/** The library; opened again where it was closed, or could not be opened. */
async function theLibrary(): Promise<Library> {
  try {
    return await (library ??= Library.open(tell, version, () => {
      library = null;
      tell({ kind: "reopened" });
    }));
  } catch (error) {
    library = null;
    throw error;
  }
}

self.onmessage = async ({ data }: MessageEvent<Question>) => {
  const { number, method, given } = data;
  let answer: Answer;
  try {
    const opened = (await theLibrary()) as unknown as Record<string, (...given: unknown[]) => unknown>;
    const asked = opened[method];
    if (!asked) throw new Error(`the library has no ${method}`);
    answer = { number, value: await asked.apply(opened, given) };
  } catch (error) {
    const { words } = inWords(error);
    if (words.status === 0) console.error(error);
    answer = { number, error: words };
  }
  self.postMessage(answer);
};
