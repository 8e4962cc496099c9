/** The piano roll as a picture that can be enlarged (SVG): what `transcribe/web/picture.py` draws. */

import { HIGHEST_PITCH, LOWEST_PITCH } from "../decode/rolls";
import { fixed, roundHalfEven } from "../numbers";
import { durationOf, type Performance } from "../performance";

/** Height of a key. */
const KEY = 6;
const [LEFT, TOP, BOTTOM, RIGHT] = [34, 30, 34, 10];
const WIDEST = 24_000;
const PER_SECOND = 60;
export const MARKS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600];
export const BLACK = new Set([1, 3, 6, 8, 10]);
const N_COLOURS = 8;
/** The page's, on light paper: `--soft`, `--middle` and `--loud` of `base.css`. */
const STOPS = [
  [140, 195, 201],
  [31, 130, 144],
  [8, 44, 56],
  [8, 44, 56],
] as const;

/** Draw a performance whose offsets are key releases. */
export function asSvg(performance: Performance, title: string): string {
  const duration = Math.max(durationOf(performance), 1);
  const scale = Math.min(PER_SECOND, WIDEST / duration);
  const width = LEFT + duration * scale + RIGHT;
  const bottom = TOP + (HIGHEST_PITCH - LOWEST_PITCH + 1) * KEY;
  const height = bottom + BOTTOM;
  const name = escaped(title);
  const w = fixed(width, 0);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${w} ${height}" ` +
      `width="${w}" height="${height}" font-family="sans-serif" font-size="10" ` +
      `role="img" aria-label="${name}">`,
    `<title>${name}</title>`,
    `<rect width="${w}" height="${height}" fill="#fff"/>`,
    `<text x="${LEFT}" y="13" font-size="12" fill="#222">${name}</text>`,
    ...keys(width),
    ...seconds(duration, scale, bottom),
    ...notes(performance, scale),
    ...pedal(performance, scale, bottom),
    "</svg>\n",
  ].join("\n");
}

export const escaped = (text: string): string =>
  text.replace(/[&<>"']/g, (letter) => `&${{ "&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "#x27" }[letter]};`);

const top = (pitch: number): number => TOP + (HIGHEST_PITCH - pitch) * KEY;

const pitches = Array.from({ length: HIGHEST_PITCH - LOWEST_PITCH + 1 }, (_, i) => LOWEST_PITCH + i);

function keys(width: number): string[] {
  const right = fixed(width - RIGHT, 0);
  const rows = pitches
    .filter((pitch) => BLACK.has(pitch % 12))
    .map((pitch) => `M${LEFT} ${top(pitch)}H${right}v${KEY}H${LEFT}z`);
  const octaves = pitches.filter((pitch) => pitch % 12 === 0);
  const lines = octaves.map((pitch) => `M${LEFT} ${top(pitch) + KEY}H${right}`);
  return [
    `<path d="${rows.join("")}" fill="#f1f1f4"/>`,
    `<path d="${lines.join("")}" stroke="#c9c9d2" stroke-width="1"/>`,
    ...octaves.map(
      (pitch) =>
        `<text x="${LEFT - 4}" y="${top(pitch) + KEY}" text-anchor="end" fill="#555">` +
        `C${Math.floor(pitch / 12) - 1}</text>`,
    ),
  ];
}

export function clock(time: number): string {
  const [hours, minutes, rest] = [Math.floor(time / 3600), Math.floor((time % 3600) / 60), time % 60];
  const two = (value: number): string => String(value).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

function seconds(duration: number, scale: number, bottom: number): string[] {
  const step = MARKS.find((mark) => mark * scale >= 55) ?? (MARKS.at(-1) as number);
  const times: number[] = [];
  for (let time = 0; time < Math.floor(duration) + 1; time += step) times.push(time);
  const lines = times.map((time) => `M${fixed(LEFT + time * scale, 1)} ${TOP}V${bottom}`);
  return [
    `<path d="${lines.join("")}" stroke="#dcdce4" stroke-width="1"/>`,
    ...times.map(
      (time) => `<text x="${fixed(LEFT + time * scale, 1)}" y="${TOP - 4}" fill="#777">${clock(time)}</text>`,
    ),
  ];
}

function notes(performance: Performance, scale: number): string[] {
  const byColour = new Map<number, string[]>();
  for (const note of performance.notes) {
    const width = fixed(Math.max((note.offset - note.onset) * scale, 1), 2);
    const colour = colourLevel(note.velocity);
    const shapes = byColour.get(colour) ?? [];
    byColour.set(colour, shapes);
    shapes.push(
      `M${fixed(LEFT + note.onset * scale, 2)} ${fixed(top(note.pitch) + 0.5, 1)}` +
        `h${width}v${KEY - 1}h-${width}z`,
    );
  }
  return [...byColour]
    .sort(([a], [b]) => a - b)
    .map(([level, shapes]) => `<path d="${shapes.join("")}" fill="${colourOf(level)}"/>`);
}

/** Which of the colours a velocity has. */
export const colourLevel = (velocity: number): number => Math.floor((velocity * N_COLOURS) / 128);

/** The colour of a level, from pale to dark. */
export function colourOf(level: number): string {
  const place = (2 * level) / (N_COLOURS - 1);
  const half = Math.floor(place);
  const [left, right] = [STOPS[half] ?? STOPS[3], STOPS[half + 1] ?? STOPS[3]];
  const mixed = left.map((a, index) => roundHalfEven(a + (place - half) * ((right[index] as number) - a)));
  return `#${mixed.map((value) => value.toString(16).padStart(2, "0")).join("")}`;
}

function pedal(performance: Performance, scale: number, bottom: number): string[] {
  const shapes = performance.pedal.map((press) => {
    const length = fixed((press.offset - press.onset) * scale, 2);
    return `M${fixed(LEFT + press.onset * scale, 2)} ${bottom + 10}h${length}v8h-${length}z`;
  });
  return [
    `<text x="${LEFT - 4}" y="${bottom + 18}" text-anchor="end" fill="#555">pedal</text>`,
    `<path d="${shapes.join("")}" fill="#8a8aa0"/>`,
  ];
}
