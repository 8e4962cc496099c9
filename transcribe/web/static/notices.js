/** Short notices, questions, and words for screen readers. */

import { byId, icon, make } from "./elements.js";
import { t, told } from "./texts.js";

let lastSaid = 0;

/** Say something to a screen reader without showing it. */
export function say(words) {
  byId("said").textContent = words;
}

/** Say progress, but not more often than every ten seconds. */
export function sayNowAndThen(words) {
  if (performance.now() - lastSaid < 10_000) return;
  lastSaid = performance.now();
  say(words);
}

/** Milliseconds that a notice stays, and one with an error. */
const STAYS = 6000;
const ERROR_STAYS = 20_000;

/** Show words for some seconds. */
export function tell(words) {
  show("notice", words, "", STAYS);
}

/** Show what went wrong and what to do; long enough to be read, or until it is closed. */
export function tellError(error, withHint = true) {
  if (error.name === "AbortError") return;
  const { message, hint } = inWords(error);
  show("notice error", message, withHint && hint, ERROR_STAYS);
}

/** What an error says in the page's language: `{message, hint}`. */
export const inWords = ({ kind, values, message, hint = "" }) => ({
  message: told(`error.${kind}`, values, message),
  hint: told(`error.${kind}.hint`, values, hint),
});

/** An error of the page's own, whose words have a key, and with `.hint` those of its hint. */
export const trouble = (key, values = {}) =>
  Object.assign(new Error(t(key, values)), { hint: t(`${key}.hint`, values), kind: key });

/** What is being done, with a button that stops it. */
const workNotice = (words, bar, stop) =>
  make(
    "div",
    { class: "notice work", role: "status" },
    make("div", {}, make("p", {}, words), bar),
    make("button", { type: "button", onclick: stop }, t("cancel")),
  );

/** Milliseconds after which work is worth a word. */
const SLOW = 1500;

/**
 * Do what may take long; after a while that is told, and can be stopped.
 *
 * @param {(signal: AbortSignal, tell: (share: number) => void) => Promise<any>} work
 *   may tell how much of it is done, 0 to 1
 * @param {string} words what is being done
 * @param {AbortController} control stops it, too
 */
export async function atWork(work, words = t("take.prepares"), control = new AbortController()) {
  const bar = make("progress", { max: 1, "aria-label": words });
  const notice = workNotice(words, bar, () => control.abort());
  const slow = setTimeout(() => byId("notices").append(notice), SLOW);
  try {
    return await work(control.signal, (share) => (bar.value = share));
  } finally {
    clearTimeout(slow);
    notice.remove();
  }
}

/** Close all notices: what they say is about another view. */
export function clearNotices() {
  byId("notices").replaceChildren();
}

function show(kind, words, hint, milliseconds) {
  const same = [...byId("notices").children].find((each) => each.dataset.words === words);
  same?.remove();
  const notice = make(
    "div",
    { class: kind, "data-words": words, role: kind.includes("error") ? "alert" : "status" },
    make("div", {}, make("p", {}, words), hint ? make("p", { class: "quiet" }, hint) : null),
    make(
      "button",
      { type: "button", class: "plain", "aria-label": t("close"), onclick: () => notice.remove() },
      icon("close"),
    ),
  );
  byId("notices").append(notice);
  const leave = () => {
    if (notice.matches(":hover, :focus-within")) setTimeout(leave, 1000);
    else notice.remove();
  };
  setTimeout(leave, milliseconds);
}

/** Ask for a line of text; resolves to it, or to null where the person thinks better of it. */
export function askText(question, value, yes) {
  const [dialog, field] = [byId("naming"), byId("naming-field")];
  byId("naming-words").textContent = question;
  byId("naming-yes").textContent = yes;
  field.value = value;
  dialog.returnValue = "";
  dialog.showModal();
  field.select();
  return new Promise((resolve) => {
    const closed = () => resolve(dialog.returnValue === "yes" ? field.value.trim() || null : null);
    dialog.addEventListener("close", closed, { once: true });
  });
}

/** Ask before something that can't be undone; resolves to true for yes. */
export function ask(question, yes) {
  const dialog = byId("question");
  byId("question-words").textContent = question;
  byId("question-yes").textContent = yes;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
