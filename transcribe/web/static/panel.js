/** The panel beside the roll: the sensitivity, and the selected notes. */

import { asChanges } from "./edits.js";
import { byId } from "./elements.js";
import { tell } from "./notices.js";
import { decimals, number, percent, t } from "./texts.js";
import { secondsOf } from "./times.js";
import { certainty, certaintyOf, HIGHEST, LOWEST, loudness, pitchName } from "./words.js";

/** Milliseconds after the last move of a slider before the server is asked. */
const PAUSE = 90;

/** Seconds by which the arrow keys change a time that is typed. */
const STEP = 0.01;

export class Panel {
  /**
   * @param {import("./notes.js").Notes} notes
   * @param {object} does `settings({threshold, minimum_duration})`, `change(notes)`,
   *   which resolves to whether it was done
   */
  constructor(notes, does) {
    this.notes = notes;
    this.does = does;
    this.selected = [];
    this.timer = 0;
    const keys = Array.from({ length: HIGHEST - LOWEST + 1 }, (_, i) => HIGHEST - i);
    byId("field-pitch").append(...keys.map((pitch) => new Option(pitchName(pitch), pitch)));
    for (const id of ["threshold", "minimum-length"]) byId(id).addEventListener("input", () => this.slid());
    byId("settings-reset").addEventListener("click", () => {
      this.showSettings(this.initial);
      this.send();
    });
    for (const name of ["onset", "length", "pitch", "velocity"]) {
      byId(`field-${name}`).addEventListener("change", (event) => this.typed(name, event.target));
    }
    for (const name of ["onset", "length"]) {
      byId(`field-${name}`).addEventListener("keydown", (event) => this.stepped(name, event));
    }
    byId("field-velocity").addEventListener("input", (event) => this.mark(event.target.value));
  }

  /** Say nothing of notes that are not known yet. */
  close() {
    clearTimeout(this.timer);
    this.timer = 0;
    byId("n-notes").textContent = "–";
    byId("doubtful-words").textContent = "";
    byId("doubtful-next").hidden = byId("settings-reset").disabled = true;
  }

  /** Show a recording's settings and what they were at first. */
  open(settings, initial) {
    clearTimeout(this.timer);
    this.timer = 0;
    this.initial = initial;
    this.showSettings(settings);
  }

  /** The model's own settings have become known. */
  setInitial(initial) {
    this.initial = initial;
    this.describeSettings();
  }

  showSettings({ threshold, minimum_duration: shortest }) {
    byId("threshold").value = Math.round(100 * (1 - threshold));
    byId("minimum-length").value = Math.round(1000 * shortest);
    this.settings = { threshold, minimum_duration: shortest };
    this.describeSettings();
  }

  describeSettings() {
    const { threshold, minimum_duration: shortest } = this.settings;
    byId("minimum-length-words").textContent = `${Math.round(1000 * shortest)} ms`;
    byId("minimum-length").setAttribute("aria-valuetext", t("sensitivity.ms", { n: Math.round(1000 * shortest) }));
    const same =
      Math.abs(threshold - this.initial.threshold) < 0.005 &&
      Math.abs(shortest - this.initial.minimum_duration) < 0.005;
    byId("settings-reset").disabled = same;
  }

  slid() {
    const threshold = 1 - byId("threshold").valueAsNumber / 100;
    const shortest = byId("minimum-length").valueAsNumber / 1000;
    this.settings = { threshold: Math.round(threshold * 100) / 100, minimum_duration: shortest };
    this.describeSettings();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.send(), PAUSE);
  }

  send() {
    clearTimeout(this.timer);
    this.timer = 0;
    this.does.settings(this.settings);
  }

  /** Say how many notes there are and how many are doubtful. */
  counted() {
    const { length, nDoubtful } = this.notes;
    byId("n-notes").textContent = t("notes.n", { n: length });
    byId("threshold").setAttribute("aria-valuetext", t("notes.n", { n: length }));
    const none = length ? t("doubtful.none") : ""; // none of those that are to come yet
    byId("doubtful-words").textContent = nDoubtful ? t("doubtful.n", { n: nDoubtful }) : none;
    byId("doubtful-next").hidden = !nDoubtful;
  }

  /** Show the selected notes. */
  select(ids) {
    this.selected = ids.map((id) => this.notes.get(id)).filter(Boolean);
    const [note] = this.selected;
    byId("selected-none").hidden = Boolean(note);
    byId("selected").hidden = !note;
    if (!note) return;
    const one = this.selected.length === 1;
    byId("selected-name").textContent = one
      ? pitchName(note.pitch)
      : t("notes.n", { n: this.selected.length });
    byId("selected-words").textContent = one ? inWords(note) : t("correct.all");
    for (const name of ["onset", "length", "pitch"]) {
      const field = byId(`field-${name}`);
      field.hidden = document.querySelector(`label[for="field-${name}"]`).hidden = !one;
    }
    byId("field-onset").value = asTyped(note.onset);
    byId("field-length").value = asTyped(note.offset - note.onset);
    byId("field-pitch").value = note.pitch;
    const velocities = this.selected.map((each) => each.velocity);
    const mean = Math.round(velocities.reduce((sum, each) => sum + each) / velocities.length);
    byId("field-velocity").value = mean;
    this.mark(mean);
  }

  mark(velocity) {
    byId("field-mark").textContent = `${loudness(velocity)}, ${velocity}`;
    byId("field-velocity").setAttribute("aria-valuetext", t("loudness.of", { mark: loudness(velocity), n: Number(velocity) }));
  }

  async typed(name, field) {
    const isTime = name === "onset" || name === "length";
    const value = isTime ? secondsOf(field.value) : Number(field.value);
    if (value === null) {
      tell(t("typed.unchanged", { why: t("part.no.time") }));
      this.showAgain();
      return;
    }
    const length = (note) => note.offset - note.onset;
    const changed = {
      onset: (note) => ({ ...note, onset: value, offset: value + length(note) }),
      length: (note) => ({ ...note, offset: note.onset + value }),
      pitch: (note) => ({ ...note, pitch: value }),
      velocity: (note) => ({ ...note, velocity: value }),
    }[name];
    const wasDone = await this.does.change(asChanges(this.selected.map(changed)));
    if (!wasDone) this.showAgain();
  }

  /** The arrow keys in a field of seconds. */
  stepped(name, event) {
    const step = { ArrowUp: STEP, ArrowDown: -STEP }[event.key];
    const value = secondsOf(event.target.value);
    if (step === undefined || value === null || value + step < 0) return;
    event.preventDefault();
    event.target.value = asTyped(value + step);
    this.typed(name, event.target);
  }

  /** The selected notes as they are, in place of what was typed and refused. */
  showAgain() {
    this.select(this.selected.map((note) => note.id));
  }
}

/** Seconds as a person would type them, which `secondsOf` reads. */
const asTyped = (seconds) =>
  number(seconds, { minimumFractionDigits: 3, maximumFractionDigits: 3, useGrouping: false });

function inWords({ hand, confidence }) {
  if (hand && confidence === null) return t("note.hand");
  const values = { share: percent(confidence ?? 1) };
  const key = hand ? "note.hand." : "note.is.";
  return t(key + certaintyOf(confidence), values);
}

/** A note for ears. */
export const spokenNote = ({ pitch, onset, offset, velocity, hand, confidence }) =>
  t("note.spoken", {
    pitch: pitchName(pitch),
    onset: decimals(onset, 2),
    length: decimals(offset - onset, 2),
    mark: loudness(velocity),
    velocity,
    certainty: hand ? t("note.own") : certainty(confidence),
  });
