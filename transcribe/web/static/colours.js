/** The colours of the style sheet, as canvases need them. */

const STEPS = 24;
const NAMES = [
  "surface", "ink", "muted", "line", "accent", "hand", "row-black", "row-octave", "key-white",
  "key-black", "key-line", "key-name", "wave", "bar", "future", "pedal", "selected", "passage",
];

const parse = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
const css = (rgb) => `rgb(${rgb.map(Math.round).join(" ")})`;
/** A colour as a pixel of an ImageData read as 32-bit little-endian numbers. */
const pixel = ([r, g, b]) => ((255 << 24) | (Math.round(b) << 16) | (Math.round(g) << 8) | Math.round(r)) >>> 0;

function ramp(stops) {
  return Array.from({ length: STEPS }, (_, i) => {
    const place = (i / (STEPS - 1)) * (stops.length - 1);
    const left = Math.min(stops.length - 2, Math.floor(place));
    return stops[left].map((value, c) => value + (place - left) * (stops[left + 1][c] - value));
  });
}

/** Luminance, and contrast of two colours, as WCAG defines them. */
const luminance = (rgb) =>
  rgb
    .map((each) => each / 255)
    .map((each) => (each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4))
    .reduce((sum, each, i) => sum + each * [0.2126, 0.7152, 0.0722][i], 0);
function contrast(a, b) {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}

/** Read the style sheet's colours as they are now (light or dark). */
export function readColours() {
  const style = getComputedStyle(document.documentElement);
  const value = (name) => style.getPropertyValue(`--${name}`).trim();
  const colours = {};
  for (const name of NAMES) {
    colours[name.replace(/-(\w)/, (_, letter) => letter.toUpperCase())] = value(name);
  }
  const shades = ramp(["soft", "middle", "loud"].map((name) => parse(value(name))));
  colours.shades = shades.map(css);
  const [paper, ink] = [parse(value("surface")), parse(value("ink"))];
  const readable = (rgb) => css(contrast(rgb, paper) > contrast(rgb, ink) ? paper : ink);
  colours.onShades = shades.map(readable);
  colours.onSelected = readable(parse(value("selected")));
  colours.shadePixels = shades.map(pixel);
  colours.chosenPixel = pixel(parse(value("selected")));
  colours.handPixel = pixel(parse(value("hand")));
  colours.font = style.fontFamily || "sans-serif";
  return colours;
}

/** Which shade a velocity (1 to 127) has. */
export const shadeOf = (velocity) => Math.min(STEPS - 1, Math.floor((velocity * STEPS) / 128));
