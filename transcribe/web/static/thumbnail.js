/** Small pictures of notes in the list; fetched once they are in view and the notes are known. */

import { readColours, shadeOf } from "./colours.js";
import { make } from "./elements.js";
import { getThumbnail } from "./server.js";

/** States in which a recording has notes that stay. */
const SETTLED = new Set(["done", "cancelled", "paused"]);

const pictures = new Map();
const seen = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) if (isIntersecting) pictures.get(target)?.look();
});
let colours = null;
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  colours = null;
  for (const picture of pictures.values()) picture.draw();
});

export class Thumbnail {
  constructor() {
    this.canvas = make("canvas", { class: "thumbnail", "aria-hidden": "true", hidden: true });
    this.recording = null;
    this.version = null;
    this.cells = null;
    pictures.set(this.canvas, this);
  }

  /** The recording is like this now. */
  show(recording) {
    this.recording = recording;
    const known = SETTLED.has(recording.state) && recording.n_notes > 0;
    this.canvas.hidden = !known;
    seen.unobserve(this.canvas);
    if (known) seen.observe(this.canvas); // tells at once whether it is in view
  }

  async look() {
    const { id, state, notes_version: notes } = this.recording;
    const version = `${state} ${notes}`;
    if (version === this.version) return;
    this.version = version;
    try {
      Object.assign(this, await getThumbnail(id));
      this.draw();
    } catch {
      this.version = null; // Only a picture: the list says what is wrong, if anything is.
    }
  }

  draw() {
    if (!this.cells) return;
    colours ??= readColours();
    const { canvas, cells, columns } = this;
    [canvas.width, canvas.height] = [columns, cells.length / columns];
    const context = canvas.getContext("2d");
    for (let at = 0; at < cells.length; at += 1) {
      if (!cells[at]) continue;
      context.fillStyle = colours.shades[shadeOf(cells[at])];
      context.fillRect(at % columns, Math.floor(at / columns), 1, 1);
    }
  }

  /** The recording is gone. */
  end() {
    seen.unobserve(this.canvas);
    pictures.delete(this.canvas);
  }
}
