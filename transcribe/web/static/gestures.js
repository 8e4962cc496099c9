/**
 * Mouse, fingers and wheel on the roll.
 *
 * With a mouse: click to go there or to choose a note, drag a note or its end, drag a box,
 * double-click to add. With fingers: swipe to scroll, pinch to zoom, tap to choose; a note
 * that is selected already can be dragged. On the seconds and the waveform: drag a passage; on the
 * pedal's lane: drag to press it, or from where it is down to lift it.
 */

import { asChanges, lengthened, moved } from "./edits.js";
import { ownStrokes } from "./elements.js";

/** Pixels a pointer may move and still be a click. */
const STILL = 4;
/** Pixels at a note's end that lengthen it. */
const EDGE = 7;

export class Gestures {
  /**
   * @param {import("./roll.js").Roll} roll
   * @param {object} does `seekTo(time)`, `select(ids, more)`, `add(time, pitch)`, `addFaint(note)`,
   *   `change(notes)`, `repeat({start, end})`, `pedal(start, end, down)`, `key(pitch)`, `scrolled()`, `canEdit()`
   */
  constructor(roll, does) {
    this.roll = roll;
    this.does = does;
    this.pointers = new Map();
    this.drag = null;
    const { host } = roll;
    host.addEventListener("pointerdown", (event) => this.down(event));
    host.addEventListener("pointermove", (event) => this.move(event));
    host.addEventListener("pointerup", (event) => this.up(event));
    host.addEventListener("pointercancel", (event) => this.up(event, true));
    host.addEventListener("pointerleave", () => this.hover(null));
    host.addEventListener("dblclick", (event) => this.double(event));
    ownStrokes(host);
    host.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
  }

  point(event) {
    const box = this.roll.host.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  /** Index of the note under a point, -1 for none, and whether the point is at its end. */
  hit({ x, y }) {
    const { roll } = this;
    if (roll.area(x, y) !== "notes") return { index: -1, edge: false };
    const time = roll.time(x);
    const index = roll.notes.under(time, roll.pitch(y), 3 / roll.view.scale);
    if (index < 0) return { index, edge: false };
    const [left, , width] = roll.place(roll.notes.at(index));
    return { index, edge: width > 2.5 * EDGE ? x > left + width - EDGE : x > left + width };
  }

  down(event) {
    if (event.button !== 0) return;
    const { roll } = this;
    const point = this.point(event);
    roll.host.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, point);
    if (this.pointers.size === 2) {
      this.drag = { mode: "pinch", ...this.spread() };
      roll.ghosts = [];
      roll.box = null;
      return;
    }
    const area = roll.area(point.x, point.y);
    const drag = { from: point, time: roll.time(point.x), pitch: roll.pitch(point.y), far: false };
    drag.touch = event.pointerType === "touch";
    if (area === "keys") return void this.does.key(drag.pitch);
    const { index, edge } = this.hit(point);
    drag.id = index < 0 ? null : roll.notes.ids[index];
    if (area === "ruler" || area === "wave") drag.mode = "passage";
    else if (area === "pedal") Object.assign(drag, { mode: "pedal", down: !roll.notes.pedalAt(drag.time) });
    else if (drag.touch && !roll.selection.has(drag.id)) drag.mode = "pan";
    else if (index < 0) drag.mode = "box";
    else {
      if (!roll.selection.has(drag.id) || event.shiftKey) {
        this.does.select([drag.id], event.shiftKey);
      }
      drag.mode = edge ? "lengthen" : "move";
      const ids = roll.selection.has(drag.id) ? [...roll.selection] : [drag.id];
      drag.notes = ids.map((id) => roll.notes.get(id)).filter(Boolean);
    }
    this.drag = drag;
  }

  move(event) {
    const point = this.point(event);
    const { drag, roll } = this;
    if (!drag || !this.pointers.has(event.pointerId)) return this.hover(point);
    const before = this.pointers.get(event.pointerId);
    this.pointers.set(event.pointerId, point);
    if (drag.mode === "pinch") return this.pinch();
    drag.far ||= Math.hypot(point.x - drag.from.x, point.y - drag.from.y) > STILL;
    if (!drag.far) return;
    const time = roll.time(point.x);
    if (drag.mode === "pan") {
      roll.view.scrollBy(before.x - point.x, point.y - before.y);
      this.does.scrolled();
      return roll.changed();
    }
    const [start, end] = [drag.time, time].sort((a, b) => a - b);
    if (drag.mode === "passage") roll.passage = { start, end };
    else if (drag.mode === "pedal") roll.pressing = this.does.canEdit() ? { start, end, down: drag.down } : null;
    else if (drag.mode === "box") {
      const [low, high] = [drag.pitch, roll.pitch(point.y)].sort((a, b) => a - b);
      roll.box = { start, end, low, high };
    } else if (this.does.canEdit()) roll.ghosts = this.dragged(point);
    roll.moved();
  }

  dragged(point) {
    const { drag, roll } = this;
    const seconds = (point.x - drag.from.x) / roll.view.scale;
    if (drag.mode === "lengthen") return lengthened(drag.notes, seconds);
    return moved(drag.notes, seconds, roll.pitch(point.y) - drag.pitch, roll.view.duration);
  }

  up(event, cancelled = false) {
    if (!this.pointers.delete(event.pointerId)) return;
    const { drag, roll } = this;
    if (drag?.mode === "pinch") {
      if (!this.pointers.size) this.drag = null;
      return;
    }
    this.drag = null;
    const { box, ghosts, pressing } = roll;
    roll.box = roll.pressing = null;
    roll.ghosts = [];
    roll.moved();
    if (!drag || cancelled) return;
    if (!drag.far) return this.click(drag, event);
    if (drag.mode === "passage") this.does.repeat(roll.passage);
    if (drag.mode === "pedal") this.does.pedal(...this.pressed(drag, event));
    if (drag.mode === "box") {
      const ids = roll.notes.within(box.start, box.end, box.low, box.high);
      this.does.select(ids, event.shiftKey);
    }
    if (ghosts.length) this.does.change(asChanges(ghosts));
  }

  /** What a stroke on the pedal's lane means: from when to when, and whether it is down. */
  pressed(drag, event) {
    const [start, end] = [drag.time, this.roll.time(this.point(event).x)].sort((a, b) => a - b);
    return [start, end, drag.down];
  }

  click(drag, event) {
    if (drag.mode === "move" || drag.mode === "lengthen") return;
    if (drag.mode === "pan" && drag.id !== null) {
      this.does.select([drag.id], event.shiftKey);
      return;
    }
    const faint = drag.id === null && ["box", "pan"].includes(drag.mode) && this.faintAt(drag.time, drag.pitch);
    if (faint) return this.does.addFaint(faint);
    if (drag.mode !== "passage" && !event.shiftKey) this.does.select([], false);
    this.does.seekTo(drag.time);
  }

  /** The faint note at a place, if they are shown and one is there. */
  faintAt(time, pitch) {
    const { faint, view } = this.roll;
    const index = faint ? faint.under(time, pitch, 3 / view.scale) : -1;
    return index < 0 ? null : faint.at(index);
  }

  double(event) {
    const point = this.point(event);
    const { roll } = this;
    if (roll.area(point.x, point.y) !== "notes" || this.hit(point).index >= 0) return;
    this.does.add(roll.time(point.x), roll.pitch(point.y));
  }

  hover(point) {
    const { roll } = this;
    const { index, edge } = point ? this.hit(point) : { index: -1, edge: false };
    const hovered = index < 0 ? null : roll.notes.ids[index];
    const area = point ? roll.area(point.x, point.y) : "";
    const onFaint = point && index < 0 && area === "notes" && this.faintAt(roll.time(point.x), roll.pitch(point.y));
    const over = onFaint ? "faint" : index < 0 ? (["ruler", "wave", "pedal"].includes(area) ? "time" : "") : edge ? "edge" : "note";
    roll.host.dataset.over = over;
    if (hovered === roll.hovered) return;
    roll.hovered = hovered;
    roll.moved();
  }

  /** Middle and distance of two fingers. */
  spread() {
    const [a, b] = [...this.pointers.values()];
    return {
      x: (a.x + b.x) / 2,
      y: (a.y + b.y) / 2,
      apart: Math.max(20, Math.hypot(a.x - b.x, a.y - b.y)),
    };
  }

  pinch() {
    const { drag, roll } = this;
    const now = this.spread();
    roll.view.zoomTime(now.apart / drag.apart, now.x - (roll.width - roll.view.width));
    roll.view.scrollBy(drag.x - now.x, now.y - drag.y);
    Object.assign(drag, now);
    this.does.scrolled();
    roll.changed();
  }

  wheel(event) {
    event.preventDefault();
    const { view } = this.roll;
    const { x, y } = this.point(event);
    const left = this.roll.width - view.width;
    const unit = event.deltaMode === 1 ? 24 : event.deltaMode === 2 ? view.width : 1;
    const [dx, dy] = [event.deltaX * unit, event.deltaY * unit];
    if (event.ctrlKey || event.metaKey) {
      const factor = Math.exp(-dy * (Math.abs(dy) < 20 ? 0.012 : 0.002));
      if (event.shiftKey) view.zoomKeys(factor, y - (this.roll.height - view.height));
      else view.zoomTime(factor, x - left);
    } else if (event.shiftKey) view.scrollBy(0, -(dy || dx));
    else view.scrollBy(Math.abs(dx) > Math.abs(dy) ? dx : dy, 0);
    this.does.scrolled();
    this.roll.changed();
  }
}
