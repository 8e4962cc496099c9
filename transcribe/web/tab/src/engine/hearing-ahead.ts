/** A recording heard by a worker of its own (`sound.worker.ts`), some blocks ahead. */

import { notLoaded, TabError } from "../errors";
import type { DecodeQuestion, SoundAnswer, SoundQuestion } from "../sound.worker";
import type { HeardBlock, HeardSound, HearingRange } from "./hearing";
import type { Model } from "./transcription";

/** Blocks of ten seconds: more than one window of the network needs. */
const AHEAD = 4;

export class HearingAhead {
  /** What came and is not taken; null after the last block. */
  private readonly come: (HeardBlock | null)[] = [];
  private opened: { duration: number | null } | null = null;
  private ended: HeardSound | null = null;
  private error: TabError | null = null;
  private wake = (): void => {};

  private constructor(
    private readonly worker: Worker,
    ask: (question: DecodeQuestion) => void,
  ) {
    worker.onmessage = ({ data }: MessageEvent<SoundAnswer>) => {
      if (data.kind === "decode") return ask({ file: data.file, answer: data.answer });
      if (data.kind === "opened") this.opened = data;
      else if (data.kind === "block") this.come.push(data.block);
      else if (data.kind === "failed") this.error = asError(data.error);
      else {
        this.ended = data.heard;
        this.come.push(null);
      }
      this.wake();
    };
    worker.onerror = () => {
      this.error = notLoaded();
      this.wake();
    };
  }

  /**
   * Open a recording; throws a `TabError` where it is none, or none that can be read.
   *
   * @param ask have the page decode a file that the browser streams not
   */
  static async open(
    file: Blob,
    model: Model,
    range: HearingRange,
    ask: (question: DecodeQuestion) => void,
  ): Promise<HearingAhead> {
    const worker = new Worker(new URL("sound.worker.js", self.location.href), { type: "module" });
    const hearing = new HearingAhead(worker, ask);
    const { settings, arrays } = model;
    const question: SoundQuestion = { file, settings: settings.features, arrays, range, ahead: AHEAD };
    worker.postMessage(question);
    try {
      await hearing.until(() => hearing.opened);
    } catch (error) {
      hearing.close();
      throw error;
    }
    return hearing;
  }

  /** Seconds as the file's header says; null where it does not. */
  get duration(): number | null {
    return this.opened?.duration ?? null;
  }

  /** For when all blocks are taken. */
  get heard(): HeardSound {
    if (!this.ended) throw new Error("the recording is not heard to its end");
    return this.ended;
  }

  async *blocks(): AsyncGenerator<HeardBlock> {
    for (;;) {
      await this.until(() => this.come.length);
      const block = this.come.shift();
      if (!block) return;
      this.worker.postMessage(null);
      yield block;
    }
  }

  close(): void {
    this.worker.terminate();
  }

  private async until(isSo: () => unknown): Promise<void> {
    while (!isSo()) {
      if (this.error) throw this.error;
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }
}

const asError = ({ kind, message, hint, status, values }: TabError["words"]): TabError =>
  new TabError(kind, message, hint, status, values);
