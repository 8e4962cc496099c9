/** The music goes on: heard and seen before it is kept. */

import { takeAway } from "./download-menu.js";
import { byId } from "./elements.js";
import { Notes } from "./notes.js";
import { tellError } from "./notices.js";
import * as server from "./server.js";
import { t } from "./texts.js";

/** Seconds of what was played that are heard before it. */
const RUN_UP = 3;

export class Continuation {
  /** @param {import("./editor.js").Editor} editor the recording that is open */
  constructor(editor) {
    this.editor = editor;
    this.control = null;
    this.forget();
    byId("continue").addEventListener("click", () => this.open());
    byId("continuation-hear").addEventListener("click", () => (this.control ? this.control.abort() : this.hear()));
    byId("continuation-keep").addEventListener("click", () => this.keep());
    byId("continuation-close").addEventListener("click", () => this.close());
    byId("continuation").addEventListener("submit", (event) => event.preventDefault());
  }

  forget() {
    this.control?.abort();
    /** `{start, seed, wanted}` of what is heard now, and its notes; or null. */
    this.made = null;
    this.notes = null;
    this.joined = null;
  }

  open() {
    byId("continuation").hidden = false;
    byId("continuation-words").textContent = "";
    this.editor.arrangeStage();
    byId("continuation-hear").focus();
  }

  /** Show only what was played again. */
  close() {
    const { editor } = this;
    const was = this.made;
    this.forget();
    byId("continuation").hidden = true;
    if (was && editor.recording) {
      editor.player.pause();
      editor.showRecording();
    }
    this.show();
    editor.arrangeStage();
  }

  /** Seconds at which it ends; 0 without one. */
  get end() {
    return this.notes?.end ?? 0;
  }

  async hear() {
    const { editor } = this;
    const { id, player } = editor;
    player.pause();
    const wanted = {
      seconds: Number(byId("continuation-seconds").value),
      at: byId("continuation-at").value ? this.made?.wanted.at ?? player.position : null,
      tame: Number(byId("continuation-tame").value),
    };
    const control = new AbortController();
    this.control = control;
    this.show();
    try {
      await editor.edits.line;
      const { seed, start, notes, pedal } = await server.getContinuation(id, wanted, control.signal);
      if (id !== editor.id) return;
      this.made = { seed, start, wanted };
      this.notes = new Notes(notes, pedal);
      this.join();
      editor.showRecording();
      await player.setListen("notes");
      editor.actions.seekTo(Math.max(0, start - RUN_UP));
      player.play();
    } catch (error) {
      tellError(error);
    } finally {
      if (this.control === control) this.control = null;
      this.show();
    }
  }

  /** What is to be heard: what was played until then, and what follows. */
  join() {
    if (!this.made) return;
    const { start } = this.made;
    const { rows, pedal } = this.editor.notes;
    const before = rows.filter((row) => row[1] < start || this.made.wanted.at === null);
    const pressed = pedal.filter(([onset]) => onset < start);
    this.joined = new Notes([...before, ...this.notes.rows], [...pressed, ...this.notes.pedal]);
  }

  /** The notes that were played are others. */
  changed() {
    this.join();
  }

  show() {
    const { roll } = this.editor;
    const words = byId("continuation-hear").lastElementChild;
    words.textContent = t(this.control ? "stop" : this.made ? "continue.another" : "continue.hear");
    byId("continuation-keep").disabled = !this.made || Boolean(this.control);
    byId("continuation-words").textContent = this.control
      ? t("continue.works")
      : this.made
        ? t("continue.more", { n: this.notes.length })
        : "";
    roll.future = this.notes;
    roll.futureStart = this.made && this.made.wanted.at !== null ? this.made.start : Infinity;
    roll.changed();
  }

  keep() {
    const { seed, wanted } = this.made;
    const { at, ...rest } = wanted;
    takeAway(this.editor.id, "continued.mid", { seed, ...rest, ...(at === null ? {} : { at }) });
  }
}
