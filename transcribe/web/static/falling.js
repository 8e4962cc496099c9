/** Another view for who plays along: notes fall onto the keys that they strike. */

import { shadeOf } from "./colours.js";
import { byId } from "./elements.js";
import { HIGHEST, isBlack, LOWEST, pitchName } from "./words.js";

/** Seconds from the top to the keyboard, and pixels of the keyboard. */
const AHEAD = 4;
const KEYBOARD = 90;
/** Keys at least, however few are played. */
const FEWEST = 36;

export class Falling {
  /** @param {import("./roll.js").Roll} roll whose notes, colours and playhead it shows */
  constructor(roll) {
    this.roll = roll;
    this.canvas = byId("falling");
    this.shown = false;
    this.keys = null;
    new ResizeObserver(() => this.draw()).observe(this.canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  show(shown) {
    this.shown = shown;
    this.canvas.hidden = !shown;
    this.draw();
  }

  /** The notes are others. */
  changed() {
    this.keys = null;
    this.draw();
  }

  /** The white keys from one C to another that hold all that is played; x of each key. */
  layout(width) {
    if (this.keys?.width === width) return this.keys;
    const [first, last] = this.roll.notes.range ?? [60, 60];
    const spare = Math.max(0, FEWEST - (last - first)) / 2;
    let low = Math.max(LOWEST, Math.floor(first - spare));
    let high = Math.min(HIGHEST, Math.ceil(last + spare));
    while (isBlack(low)) low -= 1;
    while (isBlack(high)) high += 1;
    const white = [];
    for (let pitch = low; pitch <= high; pitch += 1) if (!isBlack(pitch)) white.push(pitch);
    const unit = width / white.length;
    const places = new Map(white.map((pitch, i) => [pitch, { x: i * unit, width: unit }]));
    for (let pitch = low; pitch <= high; pitch += 1) {
      if (isBlack(pitch)) places.set(pitch, { x: places.get(pitch - 1).x + 0.68 * unit, width: 0.64 * unit });
    }
    this.keys = { width, low, high, places };
    return this.keys;
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!this.shown || !width || !height) return;
    const { ratio, colours } = this.roll;
    if (this.canvas.width !== Math.round(width * ratio) || this.canvas.height !== Math.round(height * ratio)) {
      [this.canvas.width, this.canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
    }
    const context = this.canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = colours.surface;
    context.fillRect(0, 0, width, height);
    const keys = this.layout(width);
    const bottom = height - Math.min(KEYBOARD, height / 4);
    for (const [pitch, { x }] of keys.places) {
      if (pitch % 12 !== 0) continue;
      context.fillStyle = colours.rowOctave;
      context.fillRect(x, 0, 1, bottom);
    }
    this.drawBeats(context, width, bottom);
    const down = this.drawNotes(context, keys, bottom);
    this.drawKeys(context, keys, bottom, height, down);
  }

  drawBeats(context, width, bottom) {
    const { colours, grid, playhead } = this.roll;
    if (!grid) return;
    const firsts = new Set(grid.bars.map(([, index]) => index));
    grid.beats.forEach((time, index) => {
      if (time < playhead || time > playhead + AHEAD) return;
      context.fillStyle = firsts.has(index) ? colours.bar : colours.line;
      context.fillRect(0, Math.round(bottom - ((time - playhead) / AHEAD) * bottom), width, 1);
    });
  }

  /** Draw what sounds within the next seconds; the keys that are down now, with their shades. */
  drawNotes(context, { places }, bottom) {
    const { colours, notes, playhead } = this.roll;
    const down = new Map();
    const [first, last] = notes.between(playhead, playhead + AHEAD);
    for (let i = first; i < last; i += 1) {
      const place = places.get(notes.pitch[i]);
      if (!place || notes.offset[i] <= playhead) continue;
      const shade = colours.shades[shadeOf(notes.velocity[i])];
      if (notes.onset[i] <= playhead) down.set(notes.pitch[i], shade);
      const end = bottom - ((notes.offset[i] - playhead) / AHEAD) * bottom;
      const start = Math.min(bottom, bottom - ((notes.onset[i] - playhead) / AHEAD) * bottom);
      context.fillStyle = notes.hand[i] ? colours.hand : shade;
      context.beginPath();
      context.roundRect(place.x + 1, end, place.width - 2, Math.max(3, start - end - 1), 4);
      context.fill();
    }
    return down;
  }

  drawKeys(context, { places }, bottom, height, down) {
    const { colours } = this.roll;
    context.font = `11px ${colours.font}`;
    context.textAlign = "center";
    context.textBaseline = "alphabetic";
    for (const black of [false, true]) {
      for (const [pitch, { x, width }] of places) {
        if (isBlack(pitch) !== black) continue;
        const tall = (height - bottom) * (black ? 0.62 : 1);
        context.fillStyle = down.has(pitch) ? colours.accent : black ? colours.keyBlack : colours.keyWhite;
        context.fillRect(x, bottom, width, tall);
        context.strokeStyle = colours.keyLine;
        context.lineWidth = 1;
        context.strokeRect(x + 0.5, bottom + 0.5, width, tall);
        if (pitch % 12 || width < 14) continue;
        context.fillStyle = colours.keyName;
        context.fillText(pitchName(pitch), x + width / 2, height - 8);
      }
    }
  }
}
