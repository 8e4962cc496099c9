/** The background of a roll: rows, seconds, pedal, keyboard. */

import { clock, HIGHEST, isBlack, LOWEST, pitchName } from "./words.js";

/** Pixels around the notes. */
export const EDGES = { left: 46, ruler: 22, wave: 56, pedal: 18 };
/** Pixels that black keys are long; names stand on the white ones beyond them. */
const BLACK = 24;
/** Seconds between two lines, from near to far. */
const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 3600];

/** Rows of the keys, and dimmer where nothing is transcribed yet. */
export function drawRows(roll, context) {
  const { colours, view } = roll;
  const top = roll.notesTop;
  for (let pitch = LOWEST; pitch <= HIGHEST; pitch += 1) {
    const y = view.y(pitch);
    if (y > view.height || y + view.row < 0) continue;
    if (isBlack(pitch)) {
      context.fillStyle = colours.rowBlack;
      context.fillRect(EDGES.left, top + y, view.width, view.row);
    }
    if (pitch % 12 === 0) {
      context.fillStyle = colours.rowOctave;
      context.fillRect(EDGES.left, Math.round(top + y + view.row) - 1, view.width, 1);
    }
  }
  dim(roll, context, Math.min(roll.heard, roll.part?.end ?? Infinity), Infinity);
  if (roll.part) dim(roll, context, 0, roll.part.start);
}

/** Show that nothing is transcribed from one second to another. */
function dim({ colours, height, view }, context, start, end) {
  const left = Math.max(0, view.x(start));
  const right = Math.min(view.width, view.x(end));
  if (left >= right) return;
  context.globalAlpha = 0.6;
  context.fillStyle = colours.rowBlack;
  context.fillRect(EDGES.left + left, EDGES.ruler, right - left, height);
  context.globalAlpha = 1;
}

/** Pixels between beats and between bars, at least, for lines at each. */
const NEAR_BEATS = 10;
const NEAR_BARS = 28;

/** A line at each beat and bar, and the numbers of the bars. */
export function drawBars(roll, context) {
  const { colours, grid, view } = roll;
  const { beats, bars } = grid;
  const x = (index) => Math.round(EDGES.left + view.x(beats[index]));
  const gap = ((beats.at(-1) - beats[0]) / (beats.length - 1)) * view.scale;
  const inView = (index) => beats[index] >= view.start && beats[index] <= view.end;
  const bottom = roll.height - EDGES.pedal;
  if (gap >= NEAR_BEATS) {
    context.fillStyle = colours.line;
    for (let i = 0; i < beats.length; i += 1) {
      if (inView(i)) context.fillRect(x(i), roll.notesTop, 1, bottom - roll.notesTop);
    }
  }
  const perBar = gap * Math.max(1, beats.length / bars.length);
  const each = 2 ** Math.max(0, Math.ceil(Math.log2(NEAR_BARS / perBar)));
  context.textAlign = "left";
  context.textBaseline = "middle";
  context.font = `11px ${colours.font}`;
  for (const [number, index] of bars) {
    if (!inView(index) || (number - 1) % each) continue;
    context.fillStyle = colours.bar;
    context.fillRect(x(index), EDGES.ruler - 8, 1, bottom - EDGES.ruler + 8);
    context.fillStyle = colours.muted;
    if (number) context.fillText(number, x(index) + 4, EDGES.ruler / 2);
  }
}

/** Seconds above, and a line at each; where bars are shown, only the lines of the areas. */
export function drawSeconds(roll, context) {
  const { colours, view } = roll;
  if (roll.grid) return drawEdges(roll, context);
  const step = STEPS.find((seconds) => seconds * view.scale >= 72) ?? STEPS.at(-1);
  context.font = `11px ${colours.font}`;
  context.textBaseline = "middle";
  context.textAlign = "left";
  for (let k = Math.floor(view.start / step); k * step <= view.end; k += 1) {
    const x = Math.round(EDGES.left + view.x(k * step));
    if (x < EDGES.left) continue;
    context.fillStyle = colours.line;
    context.fillRect(x, EDGES.ruler - 6, 1, roll.height);
    context.fillStyle = colours.muted;
    context.fillText(clock(k * step, step < 1 ? 1 : 0), x + 4, EDGES.ruler / 2);
  }
  drawEdges(roll, context);
}

function drawEdges(roll, context) {
  context.fillStyle = roll.colours.line;
  for (const y of [EDGES.ruler, roll.notesTop, roll.height - EDGES.pedal]) {
    context.fillRect(0, y - 1, roll.width, 1);
  }
}

/** When the pedal is down. */
export function drawPedal(roll, context) {
  const { colours, view } = roll;
  context.fillStyle = colours.pedal;
  const y = roll.height - EDGES.pedal + 5;
  for (const [onset, offset] of roll.notes.pedal) {
    if (offset < view.start) continue;
    if (onset > view.end) break;
    const width = Math.max(1, (offset - onset) * view.scale - 1);
    context.fillRect(EDGES.left + view.x(onset), y, width, EDGES.pedal - 9);
  }
}

/** The keyboard at the side, or only some keys of it, lit. */
export function drawKeys(roll, context, lit = null) {
  const { colours, view } = roll;
  const top = roll.notesTop;
  context.save();
  clipTo(context, 0, top, EDGES.left, view.height);
  if (!lit) {
    context.fillStyle = colours.keyWhite;
    context.fillRect(0, top, EDGES.left - 1, view.height);
  }
  context.font = `10px ${colours.font}`;
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (let pitch = LOWEST; pitch <= HIGHEST; pitch += 1) {
    const y = top + view.y(pitch);
    if (lit) {
      if (!lit.has(pitch)) continue;
      context.fillStyle = colours.accent;
      context.fillRect(0, y, EDGES.left - 1, view.row);
    } else if (isBlack(pitch)) {
      context.fillStyle = colours.keyLine;
      context.fillRect(0, y + view.row / 2 - 0.5, EDGES.left, 1);
      context.fillStyle = colours.keyBlack;
      context.fillRect(0, y, BLACK, view.row);
    } else {
      context.fillStyle = colours.keyLine;
      if ([0, 5].includes(pitch % 12)) context.fillRect(0, y + view.row - 0.5, EDGES.left, 1);
      if (pitch % 12 === 0 && y > top + 6) {
        context.fillStyle = colours.keyName;
        context.fillText(pitchName(pitch), EDGES.left - 4, y + view.row / 2, EDGES.left - BLACK - 5);
      }
    }
  }
  context.restore();
}

/** Draw only within a box until the context is restored. */
export function clipTo(context, x, y, width, height) {
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
}
