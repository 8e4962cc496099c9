/** The whole recording as a narrow strip; the part in view is framed and can be dragged. */

import { ownStrokes } from "./elements.js";

export class Overview {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {import("./roll.js").Roll} roll
   */
  constructor(canvas, roll) {
    this.canvas = canvas;
    this.roll = roll;
    this.still = document.createElement("canvas");
    this.fresh = false;
    new ResizeObserver(() => this.changed()).observe(canvas);
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.centre(event);
    });
    canvas.addEventListener("pointermove", (event) => event.buttons && this.centre(event));
    ownStrokes(canvas);
  }

  centre(event) {
    const { view } = this.roll;
    const share = event.offsetX / this.canvas.clientWidth;
    this.roll.onscroll();
    view.scrollTo(share * view.duration - view.width / view.scale / 2);
    this.roll.changed();
  }

  /** Waveform, notes or size are others. */
  changed() {
    this.fresh = false;
    this.draw();
  }

  /** Draw the frame anew, and what is under it only if that changed. */
  draw() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width || !height) return;
    const { ratio, view, colours } = this.roll;
    const size = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.canvas.width !== size[0] || this.canvas.height !== size[1] || !this.fresh) {
      [this.canvas.width, this.canvas.height] = size;
      this.drawStill(width, height, ratio);
    }
    const context = this.canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, ...size);
    context.drawImage(this.still, 0, 0);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const unit = width / view.duration;
    const x = view.start * unit;
    const wide = Math.max(6, (view.end - view.start) * unit);
    context.fillStyle = colours.accent;
    context.globalAlpha = 0.14;
    context.fillRect(x, 0, wide, height);
    context.globalAlpha = 1;
    context.strokeStyle = colours.accent;
    context.lineWidth = 2;
    context.strokeRect(x + 1, 1, Math.max(4, wide - 2), height - 2);
    context.fillStyle = colours.ink;
    context.fillRect(this.roll.playhead * unit - 1, 0, 2, height);
  }

  drawStill(width, height, ratio) {
    const { colours, notes, view, waveform } = this.roll;
    [this.still.width, this.still.height] = [this.canvas.width, this.canvas.height];
    const context = this.still.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const unit = view.duration / width;
    context.fillStyle = colours.wave;
    const box = { left: 0, right: width, top: 2, height: height - 8 };
    waveform.draw(context, (x) => x * unit, box);
    for (let i = 0; i < notes.length; i += 1) {
      if (!notes.hand[i] && !notes.doubtful[i]) continue;
      context.fillStyle = notes.hand[i] ? colours.hand : colours.muted;
      context.fillRect(notes.onset[i] / unit, height - 6, 1.5, 4);
    }
    this.fresh = true;
  }
}
