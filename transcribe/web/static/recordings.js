/** The list of recordings, kept as it is while they change. */

import { byId, button, make } from "./elements.js";
import { ask, sayNowAndThen, tell, tellError } from "./notices.js";
import * as server from "./server.js";
import { clock, day, size, stateOf } from "./words.js";

/** Address of a recording within the page. */
export const pageOf = (id) => `#/recording/${encodeURIComponent(id)}`;

export class Recordings {
  constructor() {
    this.cards = new Map();
    this.unwatch = null;
    this.limits = null;
  }

  /** Fetch the list and follow what happens to it until `close`. */
  async open() {
    this.unwatch ??= server.watchAll(
      (recording) => this.show(recording),
      ({ id }) => this.drop(id),
    );
    await this.refresh();
  }

  close() {
    this.unwatch?.();
    this.unwatch = null;
  }

  async refresh() {
    try {
      const { recordings, limits, room } = await server.listRecordings();
      this.limits = limits;
      if (limits?.upload_bytes) byId("limit").textContent = size(limits.upload_bytes);
      if (limits?.endings) byId("files").accept = ["audio/*", "video/*", ...limits.endings].join(",");
      byId("disk").textContent = room;
      const ids = new Set(recordings.map(({ id }) => id));
      for (const id of this.cards.keys()) if (!ids.has(id)) this.drop(id);
      for (const recording of [...recordings].reverse()) this.show(recording);
    } catch (error) {
      tellError(error);
    }
    this.showEmpty();
  }

  /** Put a recording into the list, or show how it is now. */
  show(recording) {
    let card = this.cards.get(recording.id);
    if (!card) {
      card = newCard(recording, this);
      this.cards.set(recording.id, card);
      byId("recordings").prepend(card.element);
      this.showEmpty();
    }
    card.show(recording);
    if (recording.state === "working") sayNowAndThen(`${recording.name}: ${stateOf(recording)}`);
  }

  drop(id) {
    this.cards.get(id)?.element.remove();
    this.cards.delete(id);
    this.showEmpty();
  }

  showEmpty() {
    byId("list-empty").hidden = this.cards.size > 0 || byId("uploads").children.length > 0;
  }

  async remove(recording) {
    const question = `Delete “${recording.name}” with its notes and all your changes? This can't be undone.`;
    if (!(await ask(question, "Delete"))) return;
    try {
      await server.removeRecording(recording.id);
      this.drop(recording.id);
      byId("list-title").focus();
      tell(`“${recording.name}” was deleted.`);
    } catch (error) {
      tellError(error);
    }
  }

  async ask(request, recording) {
    try {
      this.show(await request(recording.id));
    } catch (error) {
      tellError(error);
    }
  }
}

function newCard(recording, list) {
  let now = recording;
  const what = make("p", { class: "what" });
  const warnings = make("p", { class: "warning", hidden: true });
  const bar = make("progress", { max: 1, "aria-label": `Progress of ${recording.name}` });
  const cancel = button("Stop", "close", () => list.ask(server.cancelRecording, now), { class: "plain" });
  const pause = button("Pause", "pause", () => list.ask(server.pauseRecording, now), { class: "plain" });
  const resume = button("Go on", "play", () => list.ask(server.resumeRecording, now), { class: "plain" });
  const again = button("Try again", "again", () => list.ask(server.repeatRecording, now), { class: "plain" });
  const remove = button("Delete", "bin", () => list.remove(now), { class: "plain" });
  for (const each of [pause, resume, cancel, again, remove]) {
    each.setAttribute("aria-label", `${each.textContent.trim()}: ${recording.name}`);
  }
  const link = make("a", { href: pageOf(recording.id) }, recording.name);
  const element = make(
    "li",
    { class: "card" },
    make("h3", {}, link),
    what,
    warnings,
    make("div", { class: "actions" }, pause, resume, cancel, again, remove),
    bar,
  );
  const show = (next) => {
    now = next;
    const { state, duration, heard_seconds: heard } = next;
    const busy = ["queued", "working"].includes(state);
    element.className = `card ${state}`;
    const parts = [stateOf(next)];
    if (state === "done") parts.push(clock(duration ?? heard));
    if (next.edited) parts.push("changed by you");
    if (!busy) parts.push(day(next.created));
    if (state === "failed" && next.hint) parts.splice(1, parts.length, next.hint);
    what.textContent = parts.join(state === "failed" ? " " : " · ");
    warnings.textContent = (next.warnings ?? []).join(" ");
    warnings.hidden = !warnings.textContent;
    bar.hidden = !busy;
    if (duration && heard) bar.value = Math.min(1, heard / duration);
    else bar.removeAttribute("value");
    pause.hidden = !busy || !server.offers.pause;
    resume.hidden = state !== "paused";
    cancel.hidden = !busy && state !== "paused";
    again.hidden = !["failed", "cancelled"].includes(state);
  };
  return { element, show };
}
