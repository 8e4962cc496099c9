/** Which part of the music is on the screen: seconds to pixels and keys to pixels. */

import { HIGHEST, LOWEST } from "./words.js";

const KEYS = HIGHEST - LOWEST + 1;
/** Pixels of a second at the closest. */
const CLOSEST = 1500;
/** Keys shown at the closest. */
const FEWEST_KEYS = 12;

export class View {
  constructor() {
    /** Size of the area of notes in pixels. */
    this.width = 1;
    this.height = 1;
    this.duration = 1;
    /** Second at the left edge. */
    this.start = 0;
    /** Pixels of a second. */
    this.scale = 100;
    /** Keys from bottom to top, and the lowest of them; both may be fractions. */
    this.keys = KEYS;
    this.low = LOWEST;
  }

  /** Pixels of a key. */
  get row() {
    return this.height / this.keys;
  }

  /** Second at the right edge. */
  get end() {
    return this.start + this.width / this.scale;
  }

  x(time) {
    return (time - this.start) * this.scale;
  }

  time(x) {
    return this.start + x / this.scale;
  }

  /** Top of a key's row. */
  y(pitch) {
    return this.height - (pitch + 1 - this.low) * this.row;
  }

  /** The key at a height, kept on the piano. */
  pitch(y) {
    const pitch = Math.floor(this.low + (this.height - y) / this.row);
    return Math.min(HIGHEST, Math.max(LOWEST, pitch));
  }

  /** Take another size; what is at the left stays there, with `steady` what is on top too. */
  resize(width, height, steady = false) {
    const { row } = this;
    const top = this.low + this.keys;
    this.width = Math.max(1, width);
    this.height = Math.max(1, height);
    if (steady) {
      this.keys = Math.min(KEYS, Math.max(FEWEST_KEYS, this.height / row));
      this.low = top - this.keys;
    }
    this.clamp();
  }

  /** Let the music last so long. */
  setDuration(duration) {
    this.duration = Math.max(1, duration);
    this.clamp();
  }

  scrollTo(start) {
    this.start = start;
    this.clamp();
  }

  /** Move by pixels: to the right, and up the keyboard. */
  scrollBy(dx, dy) {
    this.start += dx / this.scale;
    this.low += dy / this.row;
    this.clamp();
  }

  /** Enlarge time so that what is at `x` stays there. */
  zoomTime(factor, x = this.width / 2) {
    const time = this.time(x);
    this.scale = Math.min(CLOSEST, Math.max(this.width / this.duration, this.scale * factor));
    this.start = time - x / this.scale;
    this.clamp();
  }

  /** Enlarge keys so that what is at `y` stays there. */
  zoomKeys(factor, y = this.height / 2) {
    const pitch = this.low + (this.height - y) / this.row;
    this.keys = Math.min(KEYS, Math.max(FEWEST_KEYS, this.keys / factor));
    this.low = pitch - (this.height - y) / this.row;
    this.clamp();
  }

  /** Show some seconds. */
  showTimes(start, end) {
    this.scale = Math.min(CLOSEST, this.width / Math.max(1e-3, end - start));
    this.start = start;
    this.clamp();
  }

  /** Show some keys, and at least three octaves. */
  showKeys(low, high) {
    this.keys = Math.min(KEYS, Math.max(36, high - low + 1));
    this.low = (low + high + 1 - this.keys) / 2;
    this.clamp();
  }

  clamp() {
    this.scale = Math.max(this.scale, this.width / this.duration);
    const latest = this.duration - this.width / this.scale;
    this.start = Math.max(0, Math.min(this.start, latest));
    this.low = Math.max(LOWEST, Math.min(this.low, HIGHEST + 1 - this.keys));
  }
}
