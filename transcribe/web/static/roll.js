/**
 * The piano roll: keyboard, seconds, waveform, notes, pedal, drawn on two canvases.
 *
 * The lower one holds the music and is drawn when the view or the notes change; the upper one
 * holds what moves by itself: playhead, passage, pointer. Only what is in view is looked at.
 */

import { readColours, shadeOf } from "./colours.js";
import { clipTo, drawBars, drawKeys, drawPedal, drawRows, drawSeconds, EDGES } from "./roll-background.js";
import { Raster } from "./raster.js";
import { View } from "./view.js";
import { Waveform } from "./waveform.js";
import { pitchName } from "./words.js";

/** More notes than this in view are written as pixels. */
const MANY = 1500;
/** Notes get round corners up to this many. */
const FEW = 500;
/** Notes have their names on them from this many pixels on, if that is room enough. */
const NAMED = { row: 12, width: 24, margin: 6 };
/** A roll lower than this many pixels has a lower waveform. */
const SHORT = 320;

export class Roll {
  /**
   * @param {HTMLElement} host an empty element that has a size
   * @param {import("./notes.js").Notes} notes
   */
  constructor(host, notes) {
    this.host = host;
    this.notes = notes;
    this.view = new View();
    this.waveform = new Waveform();
    this.raster = new Raster();
    this.selection = new Set();
    /** Id of the note that the arrow keys are at. */
    this.focused = null;
    this.playhead = 0;
    this.sounding = false;
    /** `{start, end}` of the passage that is repeated. */
    this.passage = null;
    /** `{start, end, low, high}` that is being drawn to select. */
    this.box = null;
    /** `{start, end, down}` of the pedal that is being pressed or lifted. */
    this.pressing = null;
    /** Notes as they would be if the pointer were let go now. */
    this.ghosts = [];
    this.hovered = null;
    /** `{beats, bars}` to draw lines at, as the server gives them; or null. */
    this.grid = null;
    /** What was too faint to be a note, while that is shown. */
    this.faint = null;
    /** Notes that could follow, and the second from which on they take the place of others. */
    this.future = null;
    this.futureStart = Infinity;
    /** How far the recording is transcribed; beyond it the background is dim. */
    this.heard = Infinity;
    /** `{start, end}` of the part that is transcribed, if it is one; the rest is dim. */
    this.part = null;
    /** What is drawn behind the notes, if it is shown (`Spectrogram`). */
    this.spectrogram = null;
    /** Told when what is in view changes. */
    this.onview = () => {};
    /** Told when the person scrolls. */
    this.onscroll = () => {};
    /** Device pixels of a CSS pixel. */
    this.ratio = 1;
    /** Pixels of the waveform. */
    this.wave = EDGES.wave;
    this.music = canvas(host, { alpha: false });
    this.top = canvas(host);
    this.dirty = { music: true, top: true };
    this.waiting = false;
    this.colours = readColours();
    new ResizeObserver(() => this.resize()).observe(host);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.recolour());
    this.resize();
  }

  /** Read the style sheet's colours again. */
  recolour() {
    this.colours = readColours();
    this.spectrogram?.forget();
    this.changed();
  }

  /** The view or the music is another: draw all of it, once, with the next frame. */
  changed() {
    this.dirty.music = true;
    this.moved();
    this.onview();
  }

  /** Only playhead, selection or pointer moved. */
  moved() {
    this.dirty.top = true;
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.draw();
    });
  }

  /** Fit the element; with `steady`, rows keep their height and what is on top stays there. */
  resize(steady = false) {
    const { clientWidth: width, clientHeight: height } = this.host;
    if (!width || !height) return;
    if (steady && width === this.width && height === this.height) return;
    this.wave = height < SHORT ? EDGES.wave / 2 : EDGES.wave;
    this.ratio = Math.min(2, window.devicePixelRatio || 1);
    for (const each of [this.music, this.top]) {
      each.canvas.width = Math.round(width * this.ratio);
      each.canvas.height = Math.round(height * this.ratio);
    }
    [this.width, this.height] = [width, height];
    this.view.resize(width - EDGES.left, height - this.notesTop - EDGES.pedal, steady);
    this.changed();
  }

  /** Pixels above the notes. */
  get notesTop() {
    return EDGES.ruler + this.wave;
  }

  /** What is at a point of the element: keys, ruler, wave, notes or pedal. */
  area(x, y) {
    if (x < EDGES.left) return "keys";
    if (y < EDGES.ruler) return "ruler";
    if (y < this.notesTop) return "wave";
    return y < this.height - EDGES.pedal ? "notes" : "pedal";
  }

  time(x) {
    return Math.max(0, this.view.time(x - EDGES.left));
  }

  pitch(y) {
    return this.view.pitch(y - this.notesTop);
  }

  /** Where a note is drawn: `[x, y, width, height]`. */
  place({ onset, offset, pitch }) {
    const { view } = this;
    const x = EDGES.left + view.x(onset);
    const y = this.notesTop + view.y(pitch);
    const gap = view.row > 5 ? 1 : 0;
    return [x, y, Math.max(2, (offset - onset) * view.scale - gap), Math.max(1, view.row - gap)];
  }

  /** Bring a time into view; with `steady`, so that the playhead stays in one place. */
  reveal(time, steady = false) {
    const { view } = this;
    const shown = view.width / view.scale;
    if (steady) view.scrollTo(time - 0.3 * shown);
    else if (time < view.start || time > view.start + 0.95 * shown) {
      view.scrollTo(time - 0.1 * shown);
    } else return;
    this.changed();
  }

  /** Bring a key into view. */
  revealPitch(pitch) {
    const { view } = this;
    const y = view.y(pitch);
    if (y >= 0 && y + view.row <= view.height) return;
    view.scrollBy(0, view.height / 2 - y);
    this.changed();
  }

  draw() {
    if (!this.width) return;
    if (this.dirty.music) {
      this.drawMusic(this.music, this.ratio);
      this.dirty.music = false;
    }
    if (this.dirty.top) this.drawTop();
    this.dirty.top = false;
  }

  /** The music in view as a picture with twice the pixels. */
  picture() {
    const { context } = canvas(null);
    context.canvas.width = this.width * 2;
    context.canvas.height = this.height * 2;
    this.drawMusic({ context }, 2);
    return context.canvas;
  }

  drawMusic({ context }, ratio) {
    const { colours, view } = this;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = colours.surface;
    context.fillRect(0, 0, this.width, this.height);
    drawRows(this, context);
    drawSeconds(this, context);
    if (this.grid) drawBars(this, context);
    context.save();
    clipTo(context, EDGES.left, 0, view.width, this.height);
    context.fillStyle = colours.wave;
    this.waveform.draw(context, (x) => view.time(x - EDGES.left), {
      left: EDGES.left,
      right: this.width,
      top: EDGES.ruler,
      height: this.wave,
    });
    drawPedal(this, context);
    clipTo(context, EDGES.left, this.notesTop, view.width, view.height);
    this.spectrogram?.draw(context, view, { left: EDGES.left, top: this.notesTop });
    if (this.faint) this.drawFaint(context);
    this.drawNotes(context, ratio);
    context.restore();
    drawKeys(this, context);
  }

  drawNotes(context, ratio) {
    const { colours, notes, selection, view } = this;
    const [first, last] = notes.between(view.start, view.end);
    if (last - first > MANY) {
      const place = { left: EDGES.left, top: this.notesTop, ratio };
      this.raster.draw(context, notes, view, first, last, place, colours, selection);
      return;
    }
    const hatch = hatching(context, colours.surface);
    const round = last - first <= FEW && view.row > 5;
    const named = last - first <= FEW && view.row >= NAMED.row;
    context.font = `${Math.min(12, Math.round(view.row * 0.75))}px ${colours.font}`;
    context.textAlign = "left";
    context.textBaseline = "middle";
    for (let i = first; i < last; i += 1) {
      if (notes.offset[i] < view.start) continue;
      const note = { onset: notes.onset[i], offset: notes.offset[i], pitch: notes.pitch[i] };
      const [x, y, width, height] = this.place(note);
      const selected = selection.size > 0 && selection.has(notes.ids[i]);
      context.globalAlpha = notes.onset[i] >= this.futureStart ? 0.25 : 1;
      context.fillStyle = selected ? colours.selected : colours.shades[shadeOf(notes.velocity[i])];
      bar(context, x, y, width, height, round ? 2.5 : 0);
      context.fill();
      if (notes.doubtful[i]) {
        context.fillStyle = hatch;
        context.fill();
        context.strokeStyle = colours.muted;
        context.lineWidth = 1;
        context.stroke();
      }
      if (notes.hand[i]) {
        context.strokeStyle = colours.hand;
        context.lineWidth = 2;
        bar(context, x + 1, y + 1, Math.max(1, width - 2), Math.max(1, height - 2), 0);
        context.stroke();
      }
      if (named && width >= NAMED.width && !notes.doubtful[i]) {
        const name = pitchName(notes.pitch[i]);
        if (context.measureText(name).width > width - NAMED.margin) continue;
        context.fillStyle = selected ? colours.onSelected : colours.onShades[shadeOf(notes.velocity[i])];
        context.fillText(name, Math.max(x, EDGES.left) + 4, y + height / 2 + 1);
      }
    }
    context.globalAlpha = 1;
    if (this.future) this.drawFuture(context, round);
  }

  /** Outlines of what was too faint, the surer the stronger. */
  drawFaint(context) {
    const { faint, view } = this;
    const [first, last] = faint.between(view.start, view.end);
    context.strokeStyle = this.colours.muted;
    context.lineWidth = 1;
    context.setLineDash([3, 2]);
    for (let i = first; i < Math.min(last, first + MANY); i += 1) {
      const note = { onset: faint.onset[i], offset: faint.offset[i], pitch: faint.pitch[i] };
      const [x, y, width, height] = this.place(note);
      context.globalAlpha = 0.45 + 0.55 * Math.min(1, 2 * (faint.rows[i][5] ?? 0));
      context.strokeRect(x + 0.5, y + 0.5, Math.max(3, width - 1), Math.max(2, height - 1));
    }
    context.setLineDash([]);
    context.globalAlpha = 1;
  }

  /** What could follow, in a colour of its own. */
  drawFuture(context, round) {
    const { future, view } = this;
    const [first, last] = future.between(view.start, view.end);
    context.fillStyle = this.colours.future;
    for (let i = first; i < last; i += 1) {
      const note = { onset: future.onset[i], offset: future.offset[i], pitch: future.pitch[i] };
      bar(context, ...this.place(note), round ? 2.5 : 0);
      context.fill();
    }
  }

  drawTop() {
    const { colours, view } = this;
    const { context } = this.top;
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    if (this.sounding) drawKeys(this, context, this.keysDown());
    context.save();
    clipTo(context, EDGES.left, 0, view.width, this.height);
    if (this.passage) {
      const x = EDGES.left + view.x(this.passage.start);
      const width = (this.passage.end - this.passage.start) * view.scale;
      context.globalAlpha = 0.16;
      context.fillStyle = colours.passage;
      context.fillRect(x, 0, width, this.height);
      context.globalAlpha = 1;
      context.fillRect(x, 0, 2, this.height);
      context.fillRect(x + width - 2, 0, 2, this.height);
      context.fillRect(x, 0, width, 3);
    }
    this.drawMarks(context);
    const x = EDGES.left + view.x(this.playhead);
    context.fillStyle = colours.ink;
    context.fillRect(Math.round(x) - 1, 0, 2, this.height);
    context.beginPath();
    context.moveTo(x - 6, 0);
    context.lineTo(x + 6, 0);
    context.lineTo(x, 9);
    context.fill();
    context.restore();
  }

  drawMarks(context) {
    const { colours, notes, view } = this;
    for (const id of [this.hovered, this.focused]) {
      const note = id === null ? null : notes.get(id);
      if (!note) continue;
      const [x, y, width, height] = this.place(note);
      context.strokeStyle = id === this.focused ? colours.ink : colours.muted;
      context.lineWidth = id === this.focused ? 2 : 1;
      context.strokeRect(x - 2, y - 2, width + 4, height + 4);
    }
    for (const ghost of this.ghosts) {
      const [x, y, width, height] = this.place(ghost);
      context.fillStyle = colours.hand;
      context.globalAlpha = 0.75;
      context.fillRect(x, y, width, height);
      context.globalAlpha = 1;
    }
    if (this.pressing) {
      const { start, end, down } = this.pressing;
      const x = EDGES.left + view.x(start);
      context.fillStyle = down ? colours.hand : colours.surface;
      context.fillRect(x, this.height - EDGES.pedal + 4, (end - start) * view.scale, EDGES.pedal - 7);
      context.strokeStyle = colours.hand;
      context.lineWidth = 1;
      context.strokeRect(x, this.height - EDGES.pedal + 4, (end - start) * view.scale, EDGES.pedal - 7);
    }
    if (this.box) {
      const [x, x1] = [this.box.start, this.box.end].map((time) => EDGES.left + view.x(time));
      const top = this.notesTop;
      const [y, y1] = [top + view.y(this.box.high), top + view.y(this.box.low) + view.row];
      context.strokeStyle = colours.selected;
      context.lineWidth = 1;
      context.strokeRect(x + 0.5, y + 0.5, x1 - x, y1 - y);
      context.globalAlpha = 0.12;
      context.fillStyle = colours.selected;
      context.fillRect(x, y, x1 - x, y1 - y);
      context.globalAlpha = 1;
    }
  }

  keysDown() {
    const [first, last] = this.notes.between(this.playhead, this.playhead);
    const down = new Set();
    for (let i = first; i < last; i += 1) {
      if (this.notes.offset[i] > this.playhead) down.add(this.notes.pitch[i]);
    }
    return down;
  }
}

function canvas(host, options) {
  const element = document.createElement("canvas");
  element.setAttribute("aria-hidden", "true");
  host?.append(element);
  return { canvas: element, context: element.getContext("2d", options) };
}

function bar(context, x, y, width, height, radius) {
  context.beginPath();
  if (radius) context.roundRect(x, y, width, height, Math.min(radius, width / 2));
  else context.rect(x, y, width, height);
}

/** Slanting stripes of the background's colour, to be laid over doubtful notes. */
function hatching(context, colour) {
  const tile = document.createElement("canvas");
  tile.width = tile.height = 6;
  const lines = tile.getContext("2d");
  lines.strokeStyle = colour;
  lines.lineWidth = 2.4;
  for (const shift of [-6, 0, 6]) {
    lines.moveTo(shift - 1, 7);
    lines.lineTo(shift + 7, -1);
  }
  lines.stroke();
  return context.createPattern(tile, "repeat");
}
