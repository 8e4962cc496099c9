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
    this.clear();
    byId("bars").addEventListener("click", () => this.toggle());
    editor.piece.addEventListener("change", () => this.changed());
  }

  /** Begin with another recording. */
  open() {
    byId("bars").hidden = !server.offers.score;
    this.clear();
    if (this.shown) this.refresh();
  }

  clear() {
    clearTimeout(this.timer);
    /** Seconds of each beat, `[number, index of its beat]` of each bar. */
    this.grid = null;
    this.stale = true;
    this.asking = null;
    this.editor.roll.grid = null;
  }

  toggle() {
    this.shown = !this.shown;
    byId("bars").setAttribute("aria-pressed", String(this.shown));
    this.editor.arrangeStage();
    if (this.shown && this.stale) this.refresh();
    else this.draw();
  }

  draw() {
    this.editor.roll.grid = this.shown ? this.grid : null;
    this.editor.roll.changed();
  }

  /** The notes are others, or something else is known of the piece. */
  changed() {
    this.stale = true;
    clearTimeout(this.timer);
    if (this.shown) this.timer = setTimeout(() => this.refresh(), PATIENCE);
  }

  /** Ask for the beats as they are now; resolves to them, or to null where there are none. */
  refresh() {
    if (!this.stale && this.grid) return Promise.resolve(this.grid);
    this.asking ??= this.ask().finally(() => (this.asking = null));
    return this.asking;
  }

  async ask() {
    const { editor } = this;
    const { id } = editor;
    if (!id || editor.busy || !server.offers.score) return null;
    this.stale = false;
    try {
      await editor.edits.line;
      const grid = await server.getBeats(id);
      if (id !== editor.id) return null;
      this.grid = editor.player.metronome.grid = grid;
      editor.piece.found(grid);
      const words = t("piece.beats", { n: Math.round(grid.tempo), metre: grid.metre });
      editor.piece.tell(words, doubtsOf(grid));
      this.draw();
      return grid;
    } catch (error) {
      this.stale = true;
      if (id === editor.id) tellError(error);
      return null;
    }
  }
}
