/**
 * All words of the page, in the language that `language.js` has found; English where one lacks.
 *
 * `loadTexts` comes before everything else, in `main.js`: no module may ask for a text while it
 * is being loaded.
 */

import english from "./texts/en.js";

/** Attributes of elements whose values are keys of texts, and where the texts go. */
const PLACES = {
  "data-label": "aria-label",
  "data-placeholder": "placeholder",
  "data-role": "aria-roledescription",
  "data-title": "title",
};

/** Where values are put into a text. */
const NAMES = /\{(\w+)\}/g;

const language = document.documentElement.lang;
/** As the browser is set, so that dates and numbers are those of its country. */
const locale =
  navigator.languages.find((tag) => tag.toLowerCase().split("-")[0] === language) ?? language;
const plurals = new Intl.PluralRules(language);
const formats = new Map();
let texts = english;

/** Fetch the texts and write them into the page. */
export async function loadTexts() {
  if (language !== "en") {
    try {
      texts = (await import(new URL(`./texts/${language}.js`, import.meta.url).href)).default;
    } catch {
      texts = english; // Better the page in English than none.
    }
  }
  write();
  offerLanguages();
  document.documentElement.classList.remove("untold");
}

function write() {
  for (const element of document.querySelectorAll("[data-text]")) {
    element.textContent = t(element.dataset.text);
  }
  for (const [name, attribute] of Object.entries(PLACES)) {
    for (const element of document.querySelectorAll(`[${name}]`)) {
      element.setAttribute(attribute, t(element.getAttribute(name)));
    }
  }
}

/** Let the person choose among the languages, each by its own name. */
function offerLanguages() {
  const page = document.documentElement;
  const choice = document.getElementById("language");
  for (const each of page.dataset.languages.split(" ")) {
    const name = new Intl.DisplayNames(each, { type: "language" }).of(each);
    const option = new Option(name[0].toLocaleUpperCase(each) + name.slice(1), each);
    option.lang = each;
    choice.append(option);
  }
  choice.value = language;
  choice.addEventListener("change", () => {
    page.dispatchEvent(new CustomEvent("language", { detail: choice.value }));
  });
}

/**
 * A text by its key, with values in place of `{names}`; numbers are written as is usual.
 *
 * Of a text that has plural forms, the one for the value `n`.
 */
export function t(key, values = {}) {
  const text = texts[key] ?? english[key];
  if (text === undefined) throw new Error(`there is no text ${key}`);
  return put(text, values);
}

/**
 * What somebody else says, who names its kind and values: in the page's language, or as they
 * say it (`words`, which a text may hold too) where it has no text of that kind.
 *
 * @param {string} key `error.KIND` and the like
 */
export function told(key, values, words) {
  const text = texts[key];
  if (text === undefined) return words;
  const all = { ...values, words };
  return [...text.matchAll(NAMES)].every(([, name]) => name in all) ? put(text, all) : words;
}

function put(text, values) {
  const form = typeof text === "string" ? text : text[plurals.select(values.n)] ?? text.other;
  return form.replace(NAMES, (_, name) =>
    typeof values[name] === "number" ? number(values[name]) : values[name],
  );
}

/** A number as it is written where the person lives. */
export function number(value, options = {}) {
  const key = JSON.stringify(options);
  if (!formats.has(key)) formats.set(key, new Intl.NumberFormat(locale, options));
  return formats.get(key).format(value);
}

/** With so many digits after the point or comma. */
export const decimals = (value, digits) =>
  number(value, { minimumFractionDigits: digits, maximumFractionDigits: digits });

/** `0.845` -> `84 %`: never more than is so. */
export const percent = (share) => number(Math.floor(share * 100 + 1e-9) / 100, { style: "percent" });

/** A day and time, as they are written where the person lives. */
export const date = (milliseconds, options) => new Date(milliseconds).toLocaleString(locale, options);

/** Which of two names comes first, as they are sorted where the person lives. */
export const collated = (a, b) => a.localeCompare(b, locale, { numeric: true });
