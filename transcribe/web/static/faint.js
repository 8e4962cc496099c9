/** What was too faint to be a note: shown behind the notes on demand, and clicked into place. */

import { byId } from "./elements.js";
import { Notes } from "./notes.js";
import { tellError } from "./notices.js";
import { getFaint } from "./server.js";

/** Milliseconds after the last change of notes until it is asked for anew. */
const PATIENCE = 300;

export class Faint {
  /** @param {import("./editor.js").Editor} editor the recording that is open */
  constructor(editor) {
    this.editor = editor;
    this.shown = false;
    this.timer = 0;
    byId("faint").addEventListener("click", () => this.toggle());
  }

  toggle() {
    this.shown = !this.shown;
    byId("faint").setAttribute("aria-pressed", String(this.shown));
    this.editor.roll.faint = null;
    if (this.shown) this.refresh();
    else this.editor.roll.changed();
  }

  /** The notes are others. */
  changed() {
    clearTimeout(this.timer);
    if (this.shown) this.timer = setTimeout(() => this.refresh(), PATIENCE);
  }

  async refresh() {
    const { id, roll } = this.editor;
    if (!id || this.editor.busy) return;
    try {
      const rows = await getFaint(id);
      if (id !== this.editor.id || !this.shown) return;
      roll.faint = new Notes(rows, []);
      roll.changed();
    } catch (error) {
      if (id === this.editor.id) tellError(error);
    }
  }
}
