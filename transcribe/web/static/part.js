/** A part of the recording only: from where to where it is transcribed. */

import { byId } from "./elements.js";
import { tell } from "./notices.js";
import * as server from "./server.js";
import { t } from "./texts.js";
import { secondsOf } from "./times.js";
import { clock, partOf } from "./words.js";

export class Part {
  /** @param {import("./editor.js").Editor} editor the recording that is open */
  constructor(editor) {
    this.editor = editor;
    this.passage = null;
    byId("part-open").addEventListener("click", () => this.open());
    byId("part-close").addEventListener("click", () => this.close());
    byId("part-whole").addEventListener("click", () => this.ask(null, null));
    byId("part").addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    for (const id of ["part-from", "part-to"]) byId(id).addEventListener("change", () => this.typed());
  }

  get isOpen() {
    return !byId("part").hidden;
  }

  open() {
    byId("part").hidden = false;
    this.editor.openPanel(false); // where there is little room, it would leave none for the waveform
    this.fill(this.editor.player.passage ?? this.now);
    byId("part-words").textContent = t("part.help");
    this.editor.arrangeStage();
    byId("part-from").focus();
  }

  close() {
    if (!this.isOpen) return;
    byId("part").hidden = true;
    this.editor.arrangeStage();
  }

  /** `{start, end}` of what is transcribed now. */
  get now() {
    const { duration, recording } = this.editor;
    const [start, end] = recording?.part ?? [null, null];
    return { start: start ?? 0, end: end ?? duration };
  }

  fill({ start, end }) {
    byId("part-from").value = clock(start, 1);
    byId("part-to").value = clock(end, 1);
  }

  /** What is transcribed now, in a sentence. */
  get words() {
    const { recording } = this.editor;
    if (!recording) return "";
    return recording.part ? t("part.now", { part: partOf(recording) }) : t("part.all");
  }

  /** Another recording, or another part of it. */
  show() {
    const { editor } = this;
    const { start, end } = this.now;
    const part = editor.recording?.part ?? null;
    editor.roll.part = part && { start, end };
    byId("part-now").textContent = this.words;
    byId("part-whole").disabled = !part;
  }

  /** This is the passage that is repeated now; where it is another, it was chosen just now. */
  passed(passage) {
    if (passage === this.passage) return;
    this.passage = passage;
    if (!this.isOpen || !passage) return;
    this.fill(passage);
    byId("part-words").textContent = t("part.help");
  }

  /** What is typed, as `{start, end}`; null, and a word about it, where it is no part. */
  typedPart() {
    const [start, end] = ["part-from", "part-to"].map((id) => secondsOf(byId(id).value));
    const wrong = start === null || end === null ? "part.no.time" : end <= start ? "part.backwards" : "";
    byId("part-words").textContent = t(wrong || "part.help");
    return wrong ? null : { start, end };
  }

  typed() {
    const part = this.typedPart();
    if (!part) return;
    // Known before it is told of: the fields are left alone, in one of which may be being typed.
    this.passage = { ...part, end: Math.min(part.end, this.editor.duration) };
    this.editor.player.setPassage(this.passage);
  }

  submit() {
    const part = this.typedPart();
    if (!part) return;
    const { recording } = this.editor;
    const toEnd = recording.duration !== null && part.end > recording.duration - 0.1;
    this.ask(part.start || null, toEnd ? null : part.end);
  }

  async ask(from, to) {
    const { editor } = this;
    if (await editor.ask((id) => server.putPart(id, { from, to }))) {
      editor.player.setPassage(null);
      this.close();
      tell(this.words); // what the panel says may still be that of before
    }
  }
}
