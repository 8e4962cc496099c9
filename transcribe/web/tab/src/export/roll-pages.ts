/** The roll on pages of A4, as SVG: what `transcribe/web/roll_pages.py` draws by seconds. */

import { HIGHEST_PITCH, LOWEST_PITCH } from "../decode/rolls";
import { firstAbove, fixed } from "../numbers";
import type { Performance } from "../performance";
import { BLACK, clock, colourLevel, colourOf, escaped, MARKS } from "./picture";

const MOST_PAGES = 100;
/** A4, upright, in millimetres. */
const [WIDTH, HEIGHT] = [210, 297];
/** In a system, at most, unless there would be too many pages. */
const SECONDS = 20;
const [MARGIN, HEAD, NAMES] = [12, 8, 8];
const [LEFT, TOP] = [MARGIN + NAMES, MARGIN + HEAD];
const [ACROSS, ROOM] = [WIDTH - MARGIN - LEFT, HEIGHT - MARGIN - TOP];
const LOWEST_KEY = 0.85;
/** Heights of a system's times, of its pedal and of the space below it. */
const [TIMES, PEDAL, GAP] = [4, 4, 5];
const FEWEST_KEYS = 24;
const FEWEST_ON_PAGE = 3;
/** Millimetres between two labels, and of the narrowest note. */
const CLOSEST = 10;
const NARROWEST = 0.3;
const LONGEST_TITLE = 70;

/** A part of what lasts, in one system: its ends, and whether it begins there. */
interface Part {
  system: number;
  left: number;
  right: number;
  struck: boolean;
}

/** What stands where; in a system, its left end and the top of its times are 0. */
class Layout {
  readonly nKeys: number;
  readonly nSystems: number;
  readonly nOnPage: number;
  readonly nPages: number;
  /** Of a system and the space below it: together they fill a page. */
  readonly height: number;
  readonly key: number;
  /** Of the keys. */
  readonly bottom: number;

  constructor(
    readonly lowest: number,
    readonly highest: number,
    /** Millimetres a second. */
    readonly scale: number,
    /** Seconds where systems meet, with the beginning of the first and the end of the last. */
    readonly ends: number[],
  ) {
    this.nKeys = highest - lowest + 1;
    this.nSystems = ends.length - 1;
    const fit = Math.floor((ROOM + GAP) / (TIMES + this.nKeys * LOWEST_KEY + PEDAL + GAP));
    this.nOnPage = Math.min(fit, Math.max(this.nSystems, FEWEST_ON_PAGE));
    this.nPages = Math.ceil(this.nSystems / this.nOnPage);
    this.height = (ROOM + GAP) / this.nOnPage;
    this.key = (this.height - TIMES - PEDAL - GAP) / this.nKeys;
    this.bottom = TIMES + this.nKeys * this.key;
  }

  end(system: number): number {
    return this.ends[system] as number;
  }

  top(pitch: number): number {
    return TIMES + (this.highest - pitch) * this.key;
  }

  *parts(onset: number, offset: number): Generator<Part> {
    const first = Math.max(firstAbove(this.ends.slice(0, this.nSystems), onset) - 1, 0);
    for (let system = first; system < this.nSystems; system += 1) {
      const [start, stop] = [this.end(system), this.end(system + 1)];
      if (system > first && (offset - start) * this.scale < NARROWEST) return;
      const right = Math.max((Math.min(offset, stop) - start) * this.scale, NARROWEST);
      const left = Math.min((Math.max(onset, start) - start) * this.scale, right - NARROWEST);
      yield { system, left, right, struck: system === first };
    }
  }
}

/** Draw a performance of one note or more, whose offsets are key releases; an SVG a page. */
export function rollPages(performance: Performance, title: string): string[] {
  const layout = layoutOf(performance);
  const systems = Array.from({ length: layout.nSystems }, (_, system) => [
    ...keys(layout, system),
    ...times(layout, system),
  ]);
  addNotes(systems, layout, performance);
  addPedal(systems, layout, performance);
  return Array.from({ length: layout.nPages }, (_, number) =>
    page(layout, systems.slice(number * layout.nOnPage, (number + 1) * layout.nOnPage), title, number),
  );
}

function layoutOf({ notes, pedal }: Performance): Layout {
  let [lowest, highest, begun, ended] = [HIGHEST_PITCH, LOWEST_PITCH, Infinity, -Infinity];
  for (const { pitch } of notes) [lowest, highest] = [Math.min(lowest, pitch), Math.max(highest, pitch)];
  for (const { onset, offset } of [...notes, ...pedal]) {
    [begun, ended] = [Math.min(begun, onset), Math.max(ended, offset)];
  }
  lowest = Math.max(lowest - (lowest % 12), LOWEST_PITCH);
  highest = Math.min(highest - (highest % 12) + 11, HIGHEST_PITCH);
  lowest = Math.max(Math.min(lowest, highest - FEWEST_KEYS + 1), LOWEST_PITCH);
  highest = Math.max(highest, lowest + FEWEST_KEYS - 1);
  const step = MARKS[2] as number;
  begun = Math.floor(begun / step) * step;
  for (let longest = SECONDS; ; longest *= 1.2) {
    const ends = [begun];
    let at = begun;
    while (at + longest < ended) ends.push((at += longest));
    const layout = new Layout(lowest, highest, ACROSS / longest, [...ends, ended]);
    if (layout.nPages <= MOST_PAGES) return layout;
  }
}

function page(layout: Layout, systems: string[][], title: string, number: number): string {
  const letters = [...title];
  const name = escaped(
    letters.length > LONGEST_TITLE ? `${letters.slice(0, LONGEST_TITLE - 1).join("").trimEnd()}…` : title,
  );
  const place = `${number + 1} / ${layout.nPages}`;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" ` +
      `width="${WIDTH}mm" height="${HEIGHT}mm" font-family="sans-serif" font-size="2.4">`,
    `<title>${name} (${place})</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    `<text x="${LEFT}" y="${MARGIN + 3}" font-size="4" fill="#222">${name}</text>`,
    `<text x="${WIDTH - MARGIN}" y="${MARGIN + 3}" font-size="3" text-anchor="end" fill="#555">${place}</text>`,
  ];
  systems.forEach((shapes, row) => {
    const at = `translate(${LEFT} ${fixed(TOP + row * layout.height, 2)})`;
    parts.push(`<g transform="${at}">`, ...shapes, "</g>");
  });
  return [...parts, "</svg>\n"].join("\n");
}

function keys(layout: Layout, system: number): string[] {
  const right = fixed((layout.end(system + 1) - layout.end(system)) * layout.scale, 2);
  const key = fixed(layout.key, 2);
  const pitches = Array.from({ length: layout.nKeys }, (_, i) => layout.lowest + i);
  const rows = pitches
    .filter((pitch) => BLACK.has(pitch % 12))
    .map((pitch) => `M0 ${fixed(layout.top(pitch), 2)}H${right}v${key}H0z`);
  const octaves = pitches.filter((pitch) => pitch % 12 === 0);
  const lines = octaves.map((pitch) => `M0 ${fixed(layout.top(pitch) + layout.key, 2)}H${right}`);
  return [
    `<path d="${rows.join("")}" fill="#f1f1f4"/>`,
    `<path d="${lines.join("")}" stroke="#c0c0ca" stroke-width="0.2"/>`,
    ...octaves.map((pitch) => word(layout.top(pitch) + layout.key, `C${Math.floor(pitch / 12) - 1}`)),
    word(layout.bottom + 3, "Ped."),
  ];
}

/** A word to the left of a system. */
const word = (y: number, text: string): string =>
  `<text x="-1" y="${fixed(y, 2)}" text-anchor="end" fill="#555">${text}</text>`;

function times(layout: Layout, system: number): string[] {
  const [start, stop] = [layout.end(system), layout.end(system + 1)];
  const step = MARKS.find((mark) => mark * layout.scale >= CLOSEST) ?? (MARKS.at(-1) as number);
  let [lines, free] = ["", 0];
  const words: string[] = [];
  for (let seconds = Math.ceil(start / step) * step; seconds < stop; seconds += step) {
    const x = (seconds - start) * layout.scale;
    if (x < free && lines) continue;
    lines += `M${fixed(x, 2)} ${TIMES}V${fixed(layout.bottom, 2)}`;
    words.push(`<text x="${fixed(x, 2)}" y="${TIMES - 1}" fill="#555">${clock(seconds)}</text>`);
    free = x + CLOSEST / 2;
  }
  return [`<path d="${lines}" stroke="#c9c9d2" stroke-width="0.2"/>`, ...words];
}

function addNotes(systems: string[][], layout: Layout, { notes }: Performance): void {
  const shapes = new Map<number, string>();
  const height = layout.key * 0.85;
  for (const note of notes) {
    const y = layout.top(note.pitch) + (layout.key - height) / 2;
    for (const { system, left, right, struck } of layout.parts(note.onset, note.offset)) {
      const key = (system * 128 + colourLevel(note.velocity)) * 2 + Number(struck);
      shapes.set(key, (shapes.get(key) ?? "") + box(left, right, y, height));
    }
  }
  for (const [key, path] of [...shapes].sort(([a], [b]) => a - b)) {
    const [system, level] = [Math.floor(key / 256), Math.floor(key / 2) % 128];
    const pale = key % 2 ? "" : ' fill-opacity="0.45"';
    systems[system]?.push(`<path class="notes" d="${path}" fill="${colourOf(level)}"${pale}/>`);
  }
}

function addPedal(systems: string[][], layout: Layout, { pedal }: Performance): void {
  const shapes = new Map<number, string>();
  for (const press of pedal) {
    for (const { system, left, right } of layout.parts(press.onset, press.offset)) {
      shapes.set(system, (shapes.get(system) ?? "") + box(left, right, layout.bottom + 1.2, 1.8));
    }
  }
  for (const [system, path] of shapes) {
    systems[system]?.push(`<path class="pedal" d="${path}" fill="#8a8aa0"/>`);
  }
}

const box = (left: number, right: number, y: number, height: number): string =>
  `M${fixed(left, 2)} ${fixed(y, 2)}H${fixed(right, 2)}v${fixed(height, 2)}H${fixed(left, 2)}z`;
