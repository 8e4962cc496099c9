/**
 * The page of the site: that of the server, and what only a page without one has: the worker
 * that transcribes, the page kept for later, and words about all that.
 */

import "../../static/main.js";
import type { Piece } from "./engine/audio";
import { showAbout, showStorage } from "./about";
import type { DecodeQuestion } from "./sound.worker";

/** Bytes of a file that is decoded as a whole: an hour of mp3, some minutes of anything else. */
const LARGEST_WHOLE = 40e6;
const WHOLE_RATE = 48_000;
/** Says in this tab that the page was loaded again for the sake of several cores. */
const LOADED_AGAIN = "transcribe-loaded-again";

const place = (name: string): URL => new URL(name, document.baseURI);

/** None at an address where browsers let no page do such work; the list of recordings says so. */
const transcriber = isSecureContext
  ? new Worker(place("transcriber.worker.js"), { type: "module" })
  : null;
if (transcriber) {
  transcriber.onmessage = ({ data }: MessageEvent<DecodeQuestion>) => void decodeWhole(data);
}

/** Decode a file at once, as only a page can; null where that can't be done. */
async function decodeWhole({ file, answer }: DecodeQuestion): Promise<void> {
  let piece: Piece | null = null;
  try {
    if (file.size <= LARGEST_WHOLE) {
      const context = new OfflineAudioContext(1, 1, WHOLE_RATE);
      const decoded = await context.decodeAudioData(await file.arrayBuffer());
      const channels = Array.from({ length: decoded.numberOfChannels }, (_, channel) =>
        decoded.getChannelData(channel).slice(),
      );
      piece = { rate: decoded.sampleRate, channels };
    }
  } catch {
    piece = null; // The worker says that it can't be read.
  }
  answer.postMessage(piece, piece ? piece.channels.map((channel) => channel.buffer) : []);
}

/** Whether the person has begun to do anything. */
let busy = false;
for (const kind of ["pointerdown", "keydown", "dragenter"]) {
  addEventListener(kind, () => (busy = true), { once: true, capture: true });
}

/** Keep the page for later, then fetch what transcribing needs, while a file is looked for. */
async function prepare(): Promise<void> {
  if (navigator.serviceWorker) {
    try {
      await navigator.serviceWorker.register(place("service-worker.js"));
      await navigator.serviceWorker.ready;
      if (!crossOriginIsolated && !busy && !location.hash && !sessionStorage.getItem(LOADED_AGAIN)) {
        sessionStorage.setItem(LOADED_AGAIN, "yes");
        location.reload();
        return;
      }
      document.body.dataset.kept = "yes";
    } catch (error) {
      console.warn("the page can't be kept for use without a network:", error);
    }
  }
  transcriber?.postMessage("prepare");
}

showAbout();
void showStorage();
if (document.readyState === "complete") void prepare();
else addEventListener("load", () => void prepare());
