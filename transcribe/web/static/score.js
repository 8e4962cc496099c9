/**
 * The sheet music of a recording: engraved by the server, beside the roll and in step with it.
 *
 * Every notehead has the id `n` and a number, which says its note; every bar `m` and its number.
 */

import { byId } from "./elements.js";
import { atWork, inWords, say, tellError } from "./notices.js";
import * as server from "./server.js";
import { t } from "./texts.js";
import { doubtsOf, keyOf } from "./words.js";

/** Milliseconds after the last change of notes or size until the score is asked for anew. */
const PATIENCE = 400;

export class Score {
  /** @param {import("./editor.js").Editor} editor the recording that is open */
  constructor(editor) {
    this.editor = editor;
    this.host = byId("score-pages");
    this.shown = false;
    /** Whether notes have changed since the score was made. */
    this.stale = true;
    this.timer = 0;
    /** Stops the score that is being made, if one is; how much of it is done is told to `tell`. */
    this.control = null;
    this.tell = () => {};
    this.clear();
    this.bind();
  }

  bind() {
    this.editor.piece.addEventListener("change", () => this.changed());
    this.host.addEventListener("click", (event) => this.clicked(event));
    new ResizeObserver(() => this.shown && this.resized()).observe(this.host);
  }

  /** Forget the recording's score. */
  open() {
    this.clear();
    byId("view-score").hidden = !server.offers.score;
  }

  clear() {
    this.stop();
    this.found = null;
    this.stale = true;
    /** Number of a note by its id. */
    this.numbers = new Map();
    this.marked = [];
    this.bar = null;
    this.width = 0;
    this.host?.replaceChildren();
  }

  /** Nobody waits any more for what is being made. */
  stop() {
    clearTimeout(this.timer);
    if (!this.control) return;
    this.control.abort();
    this.control = null;
    this.stale = true;
    this.host.removeAttribute("aria-busy");
  }

  show(shown) {
    this.shown = shown;
    if (!shown) this.stop();
    byId("score").hidden = !shown;
    byId("editor").classList.toggle("shows-score", shown);
    if (!shown) return;
    if (this.stale) this.refresh();
    else this.follow(this.editor.player.position);
  }

  /** The notes are others, or something else is known of the piece. */
  changed() {
    this.stale = true;
    if (!this.shown || this.editor.busy) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.refresh(), PATIENCE);
  }

  resized() {
    if (Math.abs(this.host.clientWidth - this.width) < 8) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.refresh(), PATIENCE);
  }

  async refresh() {
    const { id } = this.editor;
    if (!id || !this.shown || this.editor.busy) return;
    this.stop();
    this.stale = false;
    const control = new AbortController();
    this.control = control;
    this.width = this.host.clientWidth;
    byId("score-words").textContent = t("score.works");
    this.host.setAttribute("aria-busy", "true");
    try {
      const width = Math.min(Math.max(this.width - 24, 300), 4000);
      const make = (signal, tell) => {
        this.tell = tell;
        return server.getScore(id, width, signal);
      };
      const found = await atWork(make, t("score.works"), control);
      if (control === this.control) this.receive(found);
    } catch (error) {
      if (control !== this.control) return;
      this.stale = true;
      if (control.signal.aborted) this.editor.showView("notes");
      else byId("score-words").textContent = inWords(error).message;
      tellError(error);
    } finally {
      if (control === this.control) {
        this.control = null;
        this.host.removeAttribute("aria-busy");
      }
    }
  }

  receive(found) {
    const pages = found.pages.map((svg) => {
      const page = document.importNode(new DOMParser().parseFromString(svg, "image/svg+xml").documentElement, true);
      page.setAttribute("aria-hidden", "true");
      return page;
    });
    this.found = found;
    this.editor.piece.found(found);
    this.numbers = new Map(found.ids.map((id, number) => [id, number]));
    for (const [played, written] of found.trills) this.numbers.set(found.ids[played], written);
    this.marked = [];
    this.bar = null;
    this.host.replaceChildren(...pages);
    const { metre } = found;
    const plain = t("score.found", { n: found.told_tempo, metre, key: keyOf(found.key) });
    const words = found.swing ? `${plain}, ${t("piece.swung")}` : plain;
    byId("score-words").textContent = [`${words}.`, ...doubtsOf(found)].join(" ");
    say(t("score.said", { words }));
    this.select(this.editor.roll.selection);
    this.follow(this.editor.player.position);
  }

  /** A note was clicked: it is selected in the roll too. */
  clicked(event) {
    const head = event.target.closest?.('[id^="n"].note');
    const number = Number(head?.id.slice(1));
    const id = head && this.found?.ids[number];
    if (!id || !this.editor.notes.indexOf.has(id)) {
      const bar = event.target.closest?.('[id^="m"].measure');
      if (bar) this.editor.actions.seekTo(this.barStart(Number(bar.id.slice(1))));
      return;
    }
    const note = this.editor.notes.get(id);
    const trill = this.found.trills.filter(([, written]) => written === number);
    const ids = [id, ...trill.map(([played]) => this.found.ids[played])];
    this.editor.actions.select(ids.filter((each) => this.editor.notes.indexOf.has(each)), event.shiftKey);
    if (!this.editor.player.playing) this.editor.player.seek(note.onset);
    this.editor.roll.reveal(note.onset);
  }

  barStart(number) {
    return this.found.bars.find(([bar]) => bar === number)?.[1] ?? 0;
  }

  /** Show which notes are selected. */
  select(ids) {
    if (!this.found || !this.shown) return;
    for (const head of this.marked) head.classList.remove("selected");
    this.marked = [...ids]
      .map((id) => this.host.querySelector(`#n${this.numbers.get(id)}`))
      .filter(Boolean);
    for (const head of this.marked) head.classList.add("selected");
    this.marked[0]?.scrollIntoView({ block: "nearest" });
  }

  /** Mark the bar that a time is in. */
  follow(time) {
    if (!this.found || !this.shown) return;
    const { bars } = this.found;
    let at = 0;
    while (at + 1 < bars.length && bars[at + 1][1] <= time + 1e-3) at += 1;
    const bar = this.host.querySelector(`#m${bars[at]?.[0]}`);
    if (bar === this.bar) return;
    this.bar?.classList.remove("playing");
    this.bar = bar;
    bar?.classList.add("playing");
    if (this.editor.actions.following) {
      const calm = this.editor.calm.matches;
      bar?.scrollIntoView({ block: "nearest", behavior: calm ? "auto" : "smooth" });
    }
  }
}
