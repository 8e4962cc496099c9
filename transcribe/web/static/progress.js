/** How far a recording is, above its notes, and the buttons that stop it or let it go on. */

import { byId } from "./elements.js";
import * as server from "./server.js";
import { t } from "./texts.js";
import { mayHelp, shareOf, stateOf, troubleOf } from "./words.js";

const BUTTONS = {
  "progress-cancel": server.cancelRecording,
  "progress-pause": server.pauseRecording,
  "progress-resume": server.resumeRecording,
  "progress-again": server.repeatRecording,
  "progress-whole": (id) => server.putPart(id, { from: null, to: null }),
};

export class Progress {
  /** @param {(request: (id: string) => Promise<object>) => unknown} ask asks it of the recording */
  constructor(ask) {
    for (const [id, request] of Object.entries(BUTTONS)) {
      byId(id).addEventListener("click", () => ask(request));
    }
  }

  /** @param {boolean} busy whether it waits or is worked on */
  show(recording, busy) {
    const { state, duration, heard_seconds: heard } = recording;
    const kind = state === "failed" ? recording.error_kind : "";
    const paused = state === "paused";
    const bar = byId("progress-bar");
    byId("progress").hidden = state === "done";
    bar.hidden = !busy;
    bar.value = shareOf(recording);
    if (!duration || !heard) bar.removeAttribute("value");
    byId("progress-words").textContent = stateOf(recording);
    byId("progress-hint").textContent = {
      queued: t("hint.queued"),
      working: t(server.WORKING_HINT),
      paused: t("hint.paused"),
      cancelled: t("hint.stopped"),
      failed: troubleOf(recording).hint,
    }[state] ?? "";
    byId("progress-pause").hidden = !busy;
    byId("progress-resume").hidden = !paused;
    byId("progress-cancel").hidden = !busy && !paused;
    byId("progress-again").hidden = busy || paused || !mayHelp(kind);
    byId("progress-whole").hidden = kind !== "too_short";
  }
}
