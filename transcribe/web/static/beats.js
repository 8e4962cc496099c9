/** Beats and bars of a recording: found by the server, drawn on the roll, ticked by the metronome. */

import { byId } from "./elements.js";
import { tellError } from "./notices.js";
import * as server from "./server.js";
import { t } from "./texts.js";
import { doubtsOf } from "./words.js";

/** Milliseconds after the last change of notes until they are asked for anew. */
const PATIENCE = 400;

export class Beats {
  /** @param {import("./editor.js").Editor} editor the recording that is open */
  constructor(editor) {
    this.editor = editor;
    this.shown = false;
    /** Stops the beats that are being found, if some are. */
    this.control = null;
    this.clear();
    byId("bars").addEventListener("click", () => this.toggle());
    editor.piece.addEventListener("change", () => this.changed());
  }

  /** Begin with another recording. */
  open() {
    byId("bars").hidden = !server.offers.score;
    this.clear();
  }

  clear() {
    clearTimeout(this.timer);
    /** Seconds of each beat, `[number, index of its beat]` of each bar. */
    this.grid = this.editor.roll.grid = this.editor.player.metronome.grid = null;
    this.stale = true;
    this.control?.abort();
    this.control = null;
  }

  toggle() {
    this.shown = !this.shown;
    byId("bars").setAttribute("aria-pressed", String(this.shown));
    this.editor.arrangeStage();
    this.draw();
    if (this.shown) this.refresh();
  }

  draw() {
    this.editor.roll.grid = this.shown ? this.grid : null;
    this.editor.roll.changed();
  }

  /** The notes are others, or something else is known of the piece. */
  changed() {
    this.stale = true;
    clearTimeout(this.timer);
    const { ticking, countsIn } = this.editor.player;
    if (this.shown || ticking || countsIn) this.timer = setTimeout(() => this.refresh(), PATIENCE);
  }

  /** Ask for the beats as they are now, unless they are known or asked for already. */
  async refresh() {
    const { editor } = this;
    const { id } = editor;
    if (!this.stale || !id || editor.busy || !server.offers.score) return;
    this.stale = false;
    this.control?.abort();
    const control = new AbortController();
    this.control = control;
    try {
      await editor.edits.line;
      const grid = await server.getBeats(id, control.signal);
      if (control !== this.control) return;
      this.grid = editor.player.metronome.grid = grid;
      editor.piece.found(grid);
      const words = t("piece.beats", { n: grid.told_tempo, metre: grid.metre });
      editor.piece.tell(words, doubtsOf(grid));
      this.draw();
    } catch (error) {
      if (control !== this.control) return;
      this.stale = true;
      tellError(error);
    }
  }
}
