/** The recording's spectrogram behind the notes, in tiles that come as they are looked at. */

import { byId } from "./elements.js";
import { HIGHEST, LOWEST } from "./words.js";
import { tellError } from "./notices.js";
import { getSpectrogram } from "./server.js";

/** Of a tile: columns, rows, seconds of a column on level 0, how much longer on each further one. */
const COLUMNS = 256;
const ROWS = 3 * (HIGHEST - LOWEST + 1);
const SECONDS = 256 / 16_000;
const FACTOR = 4;
const LEVELS = 6;
/** Tiles that are kept; one takes 270 kB. */
const MOST = 40;
/** From which byte on a sound is seen, and from which it is seen at its strongest. */
const [SOFTEST, LOUDEST] = [90, 225];
/** How strong that is, 0 to 255, so that notes stay the clearest. */
const STRONGEST = 150;

const secondsOf = (level) => COLUMNS * SECONDS * FACTOR ** level;

export class Spectrogram {
  /** @param {import("./editor.js").Editor} editor the recording that is open */
  constructor(editor) {
    this.editor = editor;
    this.shown = false;
    this.asking = null;
    this.forget();
    byId("spectrogram").addEventListener("click", () => this.toggle());
  }

  /** Another recording, or other colours. */
  forget() {
    /** By `level/number`, those looked at last at the end: a canvas each. */
    this.tiles = new Map();
    this.failed = false;
  }

  toggle() {
    this.shown = !this.shown;
    byId("spectrogram").setAttribute("aria-pressed", String(this.shown));
    this.editor.roll.spectrogram = this.shown ? this : null;
    this.failed = false;
    this.editor.roll.changed();
  }

  /** The lowest level whose columns are a pixel wide or more. */
  levelAt(pixelsPerSecond) {
    const level = Math.ceil(Math.log(1 / (pixelsPerSecond * SECONDS)) / Math.log(FACTOR));
    return Math.min(LEVELS - 1, Math.max(0, level));
  }

  /**
   * Draw what is there of it, and ask for what is not.
   *
   * @param {CanvasRenderingContext2D} context
   * @param {import("./view.js").View} view
   * @param {{left: number, top: number}} place of the notes
   */
  draw(context, view, { left, top }) {
    const level = this.levelAt(view.scale);
    const seconds = secondsOf(level);
    const { recording } = this.editor;
    const sound = this.editor.busy ? recording?.heard_seconds ?? 0 : recording?.duration ?? 0;
    const [y, bottom] = [top + view.y(HIGHEST), top + view.y(LOWEST) + view.row];
    const missing = [];
    for (let n = Math.floor(view.start / seconds); n * seconds < Math.min(view.end, sound); n += 1) {
      // What still grows is looked at when all of the tile is there.
      if (this.editor.busy && (n + 1) * seconds > sound) break;
      const name = `${level}/${n}`;
      const tile = this.tiles.get(name);
      if (!tile) {
        missing.push([level, n]);
        continue;
      }
      this.tiles.delete(name);
      this.tiles.set(name, tile);
      const x = left + view.x(n * seconds);
      context.drawImage(tile, x, y, seconds * view.scale, bottom - y);
    }
    if (missing.length && !this.failed) this.fetchTile(...missing[0]);
  }

  /** Ask for one tile at a time; when it has come, the roll is drawn again, and asks for the next. */
  async fetchTile(level, number) {
    const { id, roll } = this.editor;
    if (this.asking || !id) return;
    const { tiles } = this;
    this.asking = `${level}/${number}`;
    try {
      const cells = await getSpectrogram(id, level, number);
      if (tiles === this.tiles) {
        tiles.set(`${level}/${number}`, picture(cells, roll.colours.ink));
        while (tiles.size > MOST) tiles.delete(tiles.keys().next().value);
      }
    } catch (error) {
      this.failed = true;
      if (id === this.editor.id) tellError(error);
    } finally {
      this.asking = null;
      if (this.shown && this.editor.id) roll.changed();
    }
  }
}

/** Bytes as a picture in one colour: the louder the denser. */
function picture(cells, colour) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [COLUMNS, ROWS];
  const context = canvas.getContext("2d");
  const image = context.createImageData(COLUMNS, ROWS);
  const pixels = new Uint32Array(image.data.buffer);
  const [red, green, blue] = [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));
  const shades = Uint32Array.from({ length: 256 }, (_, value) => {
    const share = Math.min(1, Math.max(0, (value - SOFTEST) / (LOUDEST - SOFTEST)));
    return ((Math.round(STRONGEST * share ** 1.5) << 24) | (blue << 16) | (green << 8) | red) >>> 0;
  });
  for (let i = 0; i < pixels.length; i += 1) pixels[i] = shades[cells[i]];
  context.putImageData(image, 0, 0);
  return canvas;
}
