/** The list of recordings, kept as it is while they change. */

import { carry, takeAway } from "./download-menu.js";
import { byId, button, icon, make } from "./elements.js";
import { ask, askText, sayNowAndThen, tell, tellError } from "./notices.js";
import { playSample, stopSample } from "./sample-player.js";
import * as server from "./server.js";
import { Thumbnail } from "./thumbnail.js";
import { warningsOf } from "./warnings.js";
import { collated, t } from "./texts.js";
import { clock, day, mayHelp, partOf, shareOf, size, stateOf, troubleOf } from "./words.js";

/** Address of a recording within the page. */
export const pageOf = (id) => `#/recording/${encodeURIComponent(id)}`;

/** Recordings from which on they can be searched and sorted. */
const MANY = 4;
/** A name without its file's ending. */
const titleOf = (name) => name.replace(/(?<=.)\.\w{1,5}$/, "");
/** What comes first, by the value of the choice. */
const ORDERS = {
  newest: (a, b) => b.created - a.created,
  oldest: (a, b) => a.created - b.created,
  name: (a, b) => collated(titleOf(a.name), titleOf(b.name)),
  longest: (a, b) => (b.duration ?? 0) - (a.duration ?? 0) || b.created - a.created,
};

export class Recordings {
  constructor() {
    this.cards = new Map();
    this.unwatch = null;
    this.limits = null;
    byId("search").addEventListener("input", () => this.arrange());
    byId("sort").addEventListener("change", () => this.arrange());
    byId("list-tools").addEventListener("submit", (event) => event.preventDefault());
  }

  /** Fetch the list and follow what happens to it until `close`. */
  async open() {
    this.unwatch ??= server.watchAll(
      (recording) => this.show(recording),
      ({ id }) => this.drop(id),
      () => this.refresh(),
    );
    await this.refresh();
  }

  close() {
    stopSample();
    this.unwatch?.();
    this.unwatch = null;
  }

  async refresh() {
    try {
      const { recordings, limits, room, can_quit: canQuit } = await server.listRecordings();
      byId("quit").hidden = !canQuit;
      this.limits = limits;
      if (limits?.upload_bytes) byId("formats").textContent = t("home.formats", { limit: size(limits.upload_bytes) });
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
      card.show(recording);
      this.showEmpty();
    } else card.show(recording);
    this.arrange();
    if (recording.state === "working") sayNowAndThen(`${recording.name}: ${stateOf(recording)}`);
  }

  /** Where the keyboard goes on after a recording was looked at. */
  focus(id) {
    const link = this.cards.get(id)?.element.querySelector("a");
    (link ?? byId("list-title")).focus();
  }

  drop(id) {
    this.cards.get(id)?.end();
    this.cards.delete(id);
    this.showEmpty();
    this.arrange();
  }

  showEmpty() {
    const some = this.cards.size > 0 || byId("uploads").children.length > 0;
    byId("list-empty").hidden = some;
    byId("home").classList.toggle("has-recordings", some);
    byId("list-tools").hidden = this.cards.size < MANY;
  }

  /** Sort the cards and hide those that are not looked for. */
  arrange() {
    const wanted = byId("list-tools").hidden ? "" : byId("search").value.trim().toLocaleLowerCase();
    const order = ORDERS[byId("sort").value];
    const cards = [...this.cards.values()].sort((a, b) => order(a.recording, b.recording));
    for (const card of cards) {
      card.element.hidden = !card.recording.name.toLocaleLowerCase().includes(wanted);
    }
    byId("search-empty").hidden = !cards.length || cards.some((card) => !card.element.hidden);
    const host = byId("recordings");
    if (cards.some(({ element }, i) => host.children[i] !== element)) {
      host.append(...cards.map((card) => card.element));
    }
  }

  async rename(recording) {
    const name = await askText(t("list.rename"), titleOf(recording.name), t("save"));
    if (name !== null) await this.ask((id) => server.renameRecording(id, name), recording);
  }

  async remove(recording) {
    const { name } = recording;
    if (!(await ask(t("list.delete", { name }), t("delete")))) return;
    try {
      await server.removeRecording(recording.id);
      this.drop(recording.id);
      byId("list-title").focus();
      tell(t("list.deleted", { name }));
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

/** A button that shows an icon, and its words only to screen readers. */
const iconButton = (words, iconName, onclick) =>
  make("button", { type: "button", class: "plain", title: words, onclick }, icon(iconName));

function newCard(recording, list) {
  const what = make("p", { class: "what" });
  const warnings = make("p", { class: "warning", hidden: true });
  const bar = make("progress", { max: 1 });
  const picture = new Thumbnail();
  const plain = { class: "plain" };
  const card = { element: null, recording };
  const play = iconButton(t("play"), "play", () => playSample(card.recording.id, play));
  const take = make(
    "a",
    { class: "button plain", href: server.downloadAddress(recording.id, "mid"), download: true },
    icon("download"),
    " MIDI",
  );
  take.addEventListener("click", (event) => {
    event.preventDefault();
    takeAway(card.recording.id, "mid");
  });
  take.addEventListener("dragstart", (event) => carry(event, take.href, "mid", card.recording.name));
  /** By the keys of their words. */
  const buttons = {
    play,
    "list.midi": take,
    pause: button(t("pause"), "pause", () => list.ask(server.pauseRecording, card.recording), plain),
    resume: button(t("resume"), "play", () => list.ask(server.resumeRecording, card.recording), plain),
    stop: button(t("stop"), "close", () => list.ask(server.cancelRecording, card.recording), plain),
    "try.again": button(t("try.again"), "again", () => list.ask(server.repeatRecording, card.recording), plain),
    rename: iconButton(t("rename"), "pen", () => list.rename(card.recording)),
    delete: iconButton(t("delete"), "bin", () => list.remove(card.recording)),
  };
  const link = make("a", { href: pageOf(recording.id) });
  card.element = make(
    "li",
    {},
    picture.canvas,
    make("h3", {}, link),
    what,
    warnings,
    make("div", { class: "actions" }, ...Object.values(buttons)),
    bar,
  );
  card.end = () => {
    picture.end();
    card.element.remove();
  };
  card.show = (next) => {
    card.recording = next;
    const { name, state, duration, heard_seconds: heard } = next;
    const busy = ["queued", "working"].includes(state);
    link.textContent = name;
    bar.setAttribute("aria-label", t("progress.of", { name }));
    for (const [key, each] of Object.entries(buttons)) {
      each.setAttribute("aria-label", t("list.button", { what: t(key), name }));
    }
    card.element.className = `card ${state}`;
    const parts = [stateOf(next)];
    if (state === "done") parts.push(clock(duration ?? heard));
    if (next.part) parts.push(partOf(next));
    if (next.edited) parts.push(t("list.edited"));
    if (!busy) parts.push(day(next.created));
    const { hint } = troubleOf(next);
    if (state === "failed" && hint) parts.splice(1, parts.length, hint);
    what.textContent = parts.join(state === "failed" ? " " : " · ");
    warnings.textContent = warningsOf(next).join(" ");
    warnings.hidden = !warnings.textContent;
    bar.hidden = !busy;
    if (duration && heard) bar.value = shareOf(next);
    else bar.removeAttribute("value");
    const settled = !busy && heard > 0;
    play.hidden = !settled;
    take.hidden = !settled || !next.n_notes;
    buttons.pause.hidden = !busy;
    buttons.resume.hidden = state !== "paused";
    buttons.stop.hidden = !busy && state !== "paused";
    const { error_kind: kind } = next;
    buttons["try.again"].hidden = state !== "cancelled" && !(state === "failed" && mayHelp(kind));
    picture.show(next);
  };
  return card;
}
