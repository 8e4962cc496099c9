/** Every key of the page, in one table: what it is, what it does, and the sheet that says so. */

import { byId, make } from "./elements.js";
import { offers } from "./server.js";
import { t } from "./texts.js";

/**
 * Headings, and below each `[keys, text, action, argument, where]`; headings and texts by their
 * keys in `texts/`. `roll` keys work while the roll has the focus, the others wherever nothing is
 * being typed.
 */
const TABLE = {
  "keys.play": [
    [["Space"], "keys.toggle", "toggle"],
    [["Home"], "keys.start", "seekTo", 0],
    [["End"], "keys.end", "seekTo", Infinity],
    [["j", "J"], "keys.back", "seekBy", -5],
    [["k", "K"], "keys.on", "seekBy", 5],
    [["1"], "keys.listen.recording", "listen", "recording"],
    [["2"], "keys.listen.notes", "listen", "notes"],
    [["3"], "keys.listen.both", "listen", "both"],
    [["t", "T"], "keys.tap", "tap"],
    [["l", "L"], "keys.loop", "loop"],
    [["i", "I"], "keys.loop.start", "passageFrom"],
    [["o", "O"], "keys.loop.end", "passageTo"],
  ],
  "keys.walk": [
    [["ArrowLeft"], "keys.before", "walk", "left", "roll"],
    [["ArrowRight"], "keys.after", "walk", "right", "roll"],
    [["ArrowUp"], "keys.above", "walk", "up", "roll"],
    [["ArrowDown"], "keys.below", "walk", "down", "roll"],
    [["Enter"], "keys.select", "selectFocused", null, "roll"],
    [["n", "N"], "keys.doubtful.next", "doubtful", 1],
    [["p", "P"], "keys.doubtful.before", "doubtful", -1],
    [["Ctrl+a"], "keys.select.all", "selectAll", null, "roll"],
    [["Escape"], "keys.select.none", "selectNone"],
  ],
  "keys.correct": [
    [["a", "A"], "keys.add", "addHere"],
    [["Delete", "Backspace"], "keys.delete", "remove"],
    [["Shift+ArrowLeft"], "keys.earlier", "nudge", "left", "roll"],
    [["Shift+ArrowRight"], "keys.later", "nudge", "right", "roll"],
    [["Shift+ArrowUp"], "keys.higher", "nudge", "up", "roll"],
    [["Shift+ArrowDown"], "keys.lower", "nudge", "down", "roll"],
    [["Ctrl+Shift+ArrowUp"], "keys.octave.up", "nudge", "octaveUp", "roll"],
    [["Ctrl+Shift+ArrowDown"], "keys.octave.down", "nudge", "octaveDown", "roll"],
    [["Ctrl+c"], "keys.copy", "copy"],
    [["Ctrl+x"], "keys.cut", "cut"],
    [["Ctrl+v"], "keys.paste", "paste"],
    [["s", "S"], "keys.split", "split"],
    [["d", "D"], "keys.pedal.down", "pedalHere", true],
    [["u", "U"], "keys.pedal.up", "pedalHere", false],
    [["["], "keys.shorter", "nudge", "shorter"],
    [["]"], "keys.longer", "nudge", "longer"],
    [["<"], "keys.louder", "nudge", "louder"],
    [[">"], "keys.softer", "nudge", "softer"],
    [["Ctrl+z"], "keys.undo", "undo"],
    [["Ctrl+Shift+z", "Ctrl+y"], "keys.redo", "redo"],
  ],
  "keys.look": [
    [["+", "="], "keys.zoom.in", "zoom", 1.5],
    [["-"], "keys.zoom.out", "zoom", 1 / 1.5],
    [["0"], "keys.zoom.all", "zoomAll"],
    [["PageDown"], "keys.scroll.on", "scroll", 0.8, "roll"],
    [["PageUp"], "keys.scroll.back", "scroll", -0.8, "roll"],
    [["Ctrl+ArrowUp"], "keys.rows.larger", "zoomKeys", 1.25, "roll"],
    [["Ctrl+ArrowDown"], "keys.rows.smaller", "zoomKeys", 0.8, "roll"],
    [["f", "F"], "keys.faint", "faint"],
    [["y", "Y"], "keys.spectrogram", "spectrogram"],
    [["b", "B"], "keys.bars", "bars"],
    [["Ctrl+p"], "keys.print", "print"],
    [["?"], "keys.help", "help"],
  ],
};

/** What pointers do; what it does has a text with `.does`. */
const POINTER = {
  "mouse.title": [
    "mouse.click",
    "mouse.drag",
    "mouse.box",
    "mouse.wave",
    "mouse.pedal",
    "mouse.double",
    "mouse.wheel",
  ],
  "touch.title": ["touch.swipe", "touch.pinch", "touch.tap"],
};

/** Keys whose signs are the same in every language. */
const SHOWN = {
  ArrowLeft: "←",
  ArrowRight: "→",
  ArrowUp: "↑",
  ArrowDown: "↓",
};
const NAMED = /^(Arrow|Page|Home|End|Delete|Backspace|Enter|Escape|Space)/;
/** Actions that there are only where bars are found. */
const OF_BARS = ["bars", "tap"];
const ROWS = Object.values(TABLE).flat();

/** Whether keys held down only help to write a character, as AltGr does for [ on many keyboards. */
const writes = (event) => event.getModifierState("AltGraph");

/** `Ctrl+Shift+ArrowUp` and the like; Shift is named only where it gives no other character. */
function nameOf(event) {
  const control = (event.ctrlKey || event.metaKey) && !writes(event);
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
    const other = event.altKey && !writes(event);
    if (!active() || other || event.isComposing || taken(event.target, event)) return;
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
    .map((part) => SHOWN[part] ?? (part.length === 1 ? part.toUpperCase() : t(`key.${part}`)))
    .join(" + ");

const distinct = (keys) => keys.filter((key) => key.length > 1 || key === key.toLowerCase());

/** Write the help sheet, once. */
export function writeHelp() {
  const sections = [];
  const pointers = Object.entries(POINTER);
  if (matchMedia("(pointer: coarse)").matches) pointers.reverse();
  for (const [title, rows] of pointers) {
    const items = rows.flatMap((what) => [make("dt", {}, t(what)), make("dd", {}, t(`${what}.does`))]);
    sections.push(make("h3", {}, t(title)), make("dl", {}, ...items));
  }
  for (const [title, rows] of Object.entries(TABLE)) {
    const items = rows.filter(([, , action]) => offers.score || !OF_BARS.includes(action)).flatMap(([keys, words]) => {
      const caps = distinct(keys).flatMap((key) => [make("kbd", {}, shown(key)), " "]);
      return [make("dt", {}, ...caps), make("dd", {}, t(words))];
    });
    sections.push(make("h3", {}, t(title)), make("dl", {}, ...items));
  }
  byId("help-keys").replaceChildren(...sections);
}
