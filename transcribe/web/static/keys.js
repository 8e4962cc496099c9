/** Every key of the page, in one table: what it is, what it does, and the sheet that says so. */

import { byId, make } from "./elements.js";

/**
 * `[keys, words, action, argument, where]`; `roll` keys work while the roll has the focus,
 * the others wherever nothing is being typed.
 */
const TABLE = {
  Play: [
    [["Space"], "play or pause", "toggle"],
    [["Home"], "to the start", "seekTo", 0],
    [["End"], "to the end", "seekTo", Infinity],
    [["j", "J"], "5 seconds back", "seekBy", -5],
    [["k", "K"], "5 seconds on", "seekBy", 5],
    [["1"], "listen to the recording", "listen", "recording"],
    [["2"], "listen to the notes", "listen", "notes"],
    [["3"], "listen to both, one in each ear", "listen", "both"],
    [["t", "T"], "tap the beat, while bars are shown", "tap"],
    [["l", "L"], "loop what is selected, or stop looping", "loop"],
    [["i", "I"], "start of the loop", "passageFrom"],
    [["o", "O"], "end of the loop", "passageTo"],
  ],
  "Go through the notes (in the roll)": [
    [["ArrowLeft"], "the note before", "walk", "left", "roll"],
    [["ArrowRight"], "the note after", "walk", "right", "roll"],
    [["ArrowUp"], "a higher note", "walk", "up", "roll"],
    [["ArrowDown"], "a lower note", "walk", "down", "roll"],
    [["Enter"], "select it or not", "selectFocused", null, "roll"],
    [["n", "N"], "the next doubtful note", "doubtful", 1],
    [["p", "P"], "the doubtful note before", "doubtful", -1],
    [["Ctrl+a"], "select all, or all in the loop", "selectAll", null, "roll"],
    [["Escape"], "select nothing", "selectNone"],
  ],
  "Correct what is selected": [
    [["a", "A"], "add a note at the playhead", "addHere"],
    [["Delete", "Backspace"], "delete", "remove"],
    [["Shift+ArrowLeft"], "earlier", "nudge", "left", "roll"],
    [["Shift+ArrowRight"], "later", "nudge", "right", "roll"],
    [["Shift+ArrowUp"], "higher", "nudge", "up", "roll"],
    [["Shift+ArrowDown"], "lower", "nudge", "down", "roll"],
    [["Ctrl+Shift+ArrowUp"], "an octave higher", "nudge", "octaveUp", "roll"],
    [["Ctrl+Shift+ArrowDown"], "an octave lower", "nudge", "octaveDown", "roll"],
    [["Ctrl+c"], "copy", "copy"],
    [["Ctrl+x"], "cut", "cut"],
    [["Ctrl+v"], "paste at the playhead", "paste"],
    [["s", "S"], "split at the playhead", "split"],
    [["d", "D"], "pedal down in the loop, or while the notes last", "pedalHere", true],
    [["u", "U"], "pedal up there", "pedalHere", false],
    [["["], "shorter", "nudge", "shorter"],
    [["]"], "longer", "nudge", "longer"],
    [["<"], "louder, like the sign in a score", "nudge", "louder"],
    [[">"], "softer", "nudge", "softer"],
    [["Ctrl+z"], "undo", "undo"],
    [["Ctrl+Shift+z", "Ctrl+y"], "redo", "redo"],
  ],
  Look: [
    [["+", "="], "zoom in", "zoom", 1.5],
    [["-"], "zoom out", "zoom", 1 / 1.5],
    [["0"], "show everything", "zoomAll"],
    [["PageDown"], "scroll on", "scroll", 0.8, "roll"],
    [["PageUp"], "scroll back", "scroll", -0.8, "roll"],
    [["Ctrl+ArrowUp"], "larger keys", "zoomKeys", 1.25, "roll"],
    [["Ctrl+ArrowDown"], "smaller keys", "zoomKeys", 0.8, "roll"],
    [["f", "F"], "faint notes, to be clicked into place", "faint"],
    [["b", "B"], "bars and beats", "bars"],
    [["?"], "this help", "help"],
  ],
};

const POINTER = {
  "With the mouse": [
    ["click", "go there; on a note: select it; with Shift: one more"],
    ["drag a note", "earlier, later, higher, lower; at its end: longer, shorter"],
    ["drag across", "select what is in the box"],
    ["drag on the waveform", "a passage to loop"],
    ["drag on the pedal's lane", "press it; from where it is down: lift it"],
    ["double-click", "add a note"],
    ["wheel", "scroll in time; with Ctrl: zoom; with Shift: up and down the keyboard"],
  ],
  "With fingers": [
    ["swipe", "scroll in time and up and down the keyboard"],
    ["pinch", "zoom"],
    ["tap", "go there, or select a note; then drag it"],
  ],
};

const SHOWN = {
  ArrowLeft: "←",
  ArrowRight: "→",
  ArrowUp: "↑",
  ArrowDown: "↓",
  Escape: "Esc",
  PageDown: "Page ↓",
  PageUp: "Page ↑",
};
const NAMED = /^(Arrow|Page|Home|End|Delete|Backspace|Enter|Escape|Space)/;
const ROWS = Object.values(TABLE).flat();

/** `Ctrl+Shift+ArrowUp` and the like; Shift is named only where it gives no other character. */
function nameOf(event) {
  const control = event.ctrlKey || event.metaKey;
  const key = event.key === " " ? "Space" : event.key;
  const named = NAMED.test(key);
  const shift = event.shiftKey && (named || control) ? "Shift+" : "";
  return (control ? "Ctrl+" : "") + shift + (control && !named ? key.toLowerCase() : key);
}

/** Whether an element needs this key for itself. */
function taken(element, event) {
  if (element.closest("dialog")) return true;
  if (element.matches("select, textarea, input:not([type=range], [type=radio])")) return true;
  if (element.matches("input")) return NAMED.test(event.key) && event.key !== "Escape";
  return element.matches("button, a") && [" ", "Enter"].includes(event.key);
}

/**
 * Let keys do the actions of an object, as long as `active()`.
 *
 * @param {Record<string, (argument: any) => void>} actions
 */
export function bindKeys(actions, active) {
  document.addEventListener("keydown", (event) => {
    if (!active() || event.altKey || event.isComposing || taken(event.target, event)) return;
    const name = nameOf(event);
    const inRoll = event.target.id === "roll";
    const row = ROWS.find(([keys, , , , where]) => keys.includes(name) && (inRoll || where !== "roll"));
    if (!row) return;
    event.preventDefault();
    actions[row[2]](row[3]);
  });
}

const shown = (key) =>
  key
    .split(/\+(?=.)/)
    .map((part) => SHOWN[part] ?? (part.length === 1 ? part.toUpperCase() : part))
    .join(" + ");

const distinct = (keys) => keys.filter((key) => key.length > 1 || key === key.toLowerCase());

/** Write the help sheet, once. */
export function writeHelp() {
  const sections = [];
  const pointers = Object.entries(POINTER);
  if (matchMedia("(pointer: coarse)").matches) pointers.reverse();
  for (const [title, rows] of pointers) {
    const items = rows.flatMap(([what, words]) => [make("dt", {}, what), make("dd", {}, words)]);
    sections.push(make("h3", {}, title), make("dl", {}, ...items));
  }
  for (const [title, rows] of Object.entries(TABLE)) {
    const items = rows.flatMap(([keys, words]) => {
      const caps = distinct(keys).flatMap((key) => [make("kbd", {}, shown(key)), " "]);
      return [make("dt", {}, ...caps), make("dd", {}, words)];
    });
    sections.push(make("h3", {}, title), make("dl", {}, ...items));
  }
  byId("help-keys").replaceChildren(...sections);
}
