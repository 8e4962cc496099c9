/** Thousands of notes at once, written as pixels: for views that show minutes or hours. */

import { shadeOf } from "./colours.js";

export class Raster {
  constructor() {
    this.canvas = document.createElement("canvas");
    this.context = this.canvas.getContext("2d");
    this.image = null;
  }

  /**
   * Draw notes `first` to `last` into the area of notes of a context.
   *
   * @param {CanvasRenderingContext2D} context its unit is a CSS pixel
   * @param {import("./notes.js").Notes} notes
   * @param {import("./view.js").View} view
   * @param {{left: number, top: number, ratio: number}} place where, and device pixels of a unit
   */
  draw(context, notes, view, first, last, place, colours, selection) {
    const width = Math.max(1, Math.round(view.width * place.ratio));
    const height = Math.max(1, Math.round(view.height * place.ratio));
    if (this.image?.width !== width || this.image?.height !== height) {
      [this.canvas.width, this.canvas.height] = [width, height];
      this.image = this.context.createImageData(width, height);
      this.pixels = new Uint32Array(this.image.data.buffer);
    }
    const { pixels } = this;
    pixels.fill(0);
    const scale = view.scale * place.ratio;
    const row = view.row * place.ratio;
    const bottom = height + view.low * row;
    const thick = Math.max(1, Math.round(row) - 1);
    const selected = selection.size ? new Set([...selection].map((id) => notes.indexOf.get(id))) : null;
    for (let i = first; i < last; i += 1) {
      const x1 = Math.floor((notes.offset[i] - view.start) * scale);
      if (x1 < 0) continue;
      const x0 = Math.floor((notes.onset[i] - view.start) * scale);
      const left = Math.max(0, x0);
      const right = Math.min(width, Math.max(left + 1, x1 - 1));
      const top = Math.max(0, Math.round(bottom - (notes.pitch[i] + 1) * row));
      const end = Math.min(height, top + thick);
      let colour = colours.shadePixels[shadeOf(notes.velocity[i])];
      if (notes.hand[i]) colour = colours.handPixel;
      if (selected?.has(i)) colour = colours.chosenPixel;
      const step = notes.doubtful[i] && thick > 1 ? 2 : 1;
      for (let y = top; y < end; y += step) {
        const stop = y * width + right;
        for (let at = y * width + left; at < stop; at += 1) pixels[at] = colour;
      }
    }
    this.context.putImageData(this.image, 0, 0);
    context.drawImage(this.canvas, place.left, place.top, view.width, view.height);
  }
}
