/** Making and finding elements of the page. */

const SVG = "http://www.w3.org/2000/svg";

/** Drawn on a 24 by 24 grid with round strokes. */
const ICONS = {
  play: "M7 4.5v15l12-7.5z",
  pause: "M8 5v14M16 5v14",
  start: "M6 5v14M19 5v14l-10-7z",
  back: "M14 6l-6 6 6 6",
  undo: "M9 6L4 11l5 5M4 11h10a5 5 0 0 1 0 10h-3",
  redo: "M15 6l5 5-5 5M20 11H10a5 5 0 0 0 0 10h3",
  loop: "M17 3l3 3-3 3M4 11V9a3 3 0 0 1 3-3h13M7 21l-3-3 3-3M20 13v2a3 3 0 0 1-3 3H4",
  download: "M12 4v11M7 11l5 5 5-5M5 20h14",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  whole: "M4 8V5h5M20 8V5h-5M4 16v3h5M20 16v3h-5",
  bin: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  close: "M6 6l12 12M18 6L6 18",
  microphone: "M12 3a3 3 0 0 1 3 3v6a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3zM6 11a6 6 0 0 0 12 0M12 17v4",
  file: "M7 3h7l4 4v14H7zM14 3v4h4M10 17V12l5-1v5",
  help: "M12 3a9 9 0 1 0 0 18a9 9 0 1 0 0-18zM9.6 9.6a2.4 2.4 0 1 1 3.4 2.2c-.7.3-1 .8-1 1.5M12 16.6v.01",
  again: "M5 12a7 7 0 1 0 2-5M5 4v4h4",
  next: "M9 6l6 6-6 6",
  metronome: "M9 4h6l4 16H5zM12 15l6-9M7 15h10",
  quit: "M12 4v8M7.5 6.5a7 7 0 1 0 9 0",
  faint: "M4 8h3M10 8h3M16 8h4M4 14h3M10 14h3M16 14h4M4 8v6M20 8v6",
  bars: "M4 5v14M20 5v14M12 5v14M4 9h16M4 15h16",
  spectrogram: "M4 20h16M4 16.5h4M10 16.5h6M4 13h9M16 13h4M7 9.5h6M4 6h2M11 6h6",
  pen: "M5 19l1-4L16.5 4.5l3 3L9 18zM14 7l3 3",
  sliders: "M4 8h8M18 8h2M15 5v6M4 16h2M12 16h8M9 13v6",
};
const FILLED = new Set(["play", "start"]);

/** An icon, hidden from screen readers. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("icon");
  if (FILLED.has(name)) svg.classList.add("filled");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/**
 * Let the strokes of fingers on an element be the page's alone.
 *
 * A browser takes the end of a quick stroke for a fling, even where `touch-action` lets it scroll
 * nothing; it then stops that fling with the next tap, anywhere, and the tap does nothing else.
 */
export function ownStrokes(element) {
  const own = (event) => event.cancelable && event.preventDefault();
  element.addEventListener("touchmove", own, { passive: false });
}

/** Put another icon into a button. */
export const setIcon = (button, name) => button.querySelector("svg").replaceWith(icon(name));

/** Replace every `<i data-icon="NAME">` of the page by its icon. */
export function placeIcons(root = document) {
  for (const place of root.querySelectorAll("i[data-icon]")) {
    place.replaceWith(icon(place.dataset.icon));
  }
}

/** The element with an id; it is an error if there is none. */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no element #${id}`);
  return found;
}

/**
 * Make an element: `make("p", {class: "quiet"}, "Hello ", other)`.
 *
 * Attributes that begin with `on` are listeners; `null` and `false` are left out.
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== null && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** A button with an icon and words. */
export const button = (words, iconName, onclick, attributes = {}) =>
  make("button", { type: "button", onclick, ...attributes }, icon(iconName), ` ${words}`);
