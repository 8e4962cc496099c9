/** What the person knows of the piece: the pulse, metre, key and swing, and where a bar begins. */

import { byId } from "./elements.js";
import { say, tellError } from "./notices.js";
import * as server from "./server.js";
import { t } from "./texts.js";
import { keyName, MAJORS, MINORS } from "./words.js";

/** Place of C major, the first that is offered, among the keys. */
const FIRST = MAJORS.indexOf("C");
/** Seconds after which a tap begins anew, taps that make a tempo, and how long one is waited for. */
const LONGEST_TAP = 3;
const ENOUGH_TAPS = 4;
const AFTER_TAPS = 1800;
/** Beats a minute. */
const TEMPOS = [10, 400];

export class Piece extends EventTarget {
  /**
   * Event: `change` when something else is known.
   *
   * @param {() => number} position second of music that sounds now
   */
  constructor(position) {
    super();
    this.position = position;
    this.taps = [];
    this.timer = 0;
    this.bind();
    this.open({ id: null });
  }

  bind() {
    const keys = byId("piece-key");
    for (let i = 0; i < MAJORS.length; i += 1) {
      const [major, minor] = [MAJORS, MINORS].map((names) => names[(FIRST + i) % names.length]);
      keys.append(new Option(keyName(major, false), major), new Option(keyName(minor, true), `${minor}m`));
    }
    byId("piece-slower").addEventListener("click", () => this.pace(0.5));
    byId("piece-faster").addEventListener("click", () => this.pace(2));
    byId("piece-tap").addEventListener("click", () => this.tap());
    byId("piece-downbeat").addEventListener("click", () => this.downbeat());
    byId("piece-metre").addEventListener("change", (event) => this.wish("metre", event.target.value));
    keys.addEventListener("change", (event) => this.wish("key", event.target.value));
    byId("piece-swing").addEventListener("change", (event) => this.wish("swing", event.target.value));
    byId("piece-reset").addEventListener("click", () => this.keep(() => ({})));
    byId("piece").addEventListener("submit", (event) => event.preventDefault());
  }

  /** Begin with another recording. */
  open({ id, wishes = {} }) {
    this.id = id;
    /** `{tempo, metre, key, downbeat, swing}`, of which what is known. */
    this.wishes = wishes;
    /** Resolves when everything that was said is kept. */
    this.line = Promise.resolve();
    this.tempo = 0;
    this.taps = [];
    clearTimeout(this.timer);
    this.show();
  }

  /** What is kept of the recording is this now; another window may have changed it. */
  turned({ wishes = {} }) {
    if (JSON.stringify(wishes) === JSON.stringify(this.wishes)) return;
    this.wishes = wishes;
    this.show();
    this.dispatchEvent(new Event("change"));
  }

  /** What was found with it: `{tempo, metre}`. */
  found({ tempo }) {
    this.tempo = tempo;
  }

  show() {
    byId("piece-metre").value = this.wishes.metre ?? "";
    byId("piece-key").value = this.wishes.key ?? "";
    byId("piece-swing").value = this.wishes.swing ?? "";
    byId("piece-reset").disabled = !Object.keys(this.wishes).length;
  }

  pace(factor) {
    if (!this.tempo) return;
    this.tempo = clamped(this.tempo * factor); // twice at once is a quarter as fast
    this.wish("tempo", this.tempo);
  }

  /** A bar begins where the playhead is. */
  downbeat() {
    this.wish("downbeat", this.position().toFixed(3));
  }

  /** The beat is now: after some of them, in the time of the music, the tempo is known. */
  tap() {
    const now = this.position();
    const last = this.taps.at(-1);
    if (last === undefined || now <= last || now - last > LONGEST_TAP) this.taps = [];
    this.taps.push(now);
    const { taps } = this;
    byId("piece-words").textContent =
      taps.length < ENOUGH_TAPS ? t("piece.tapping") : t("piece.tempo", { n: tempoOf(taps) });
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (taps.length >= ENOUGH_TAPS) this.wish("tempo", tempoOf(taps));
      this.taps = [];
    }, AFTER_TAPS);
  }

  wish(name, value) {
    return this.keep(({ [name]: _, ...others }) =>
      value === null || value === "" ? others : { ...others, [name]: String(value) },
    );
  }

  /** Let what is known become something else, after all that was said before. */
  keep(become) {
    const { id } = this;
    this.line = this.line.then(async () => {
      if (id !== this.id) return;
      try {
        const recording = await server.putWishes(id, become(this.wishes));
        if (id === this.id) this.turned(recording);
      } catch (error) {
        tellError(error);
        this.show();
      }
    });
    return this.line;
  }

  /** Say what was found, in the form and to screen readers. */
  tell(words, doubts = []) {
    byId("piece-words").textContent = [words, ...doubts].join(" ");
    say(words);
  }
}

function tempoOf(taps) {
  const gaps = taps.slice(1).map((time, i) => time - taps[i]);
  gaps.sort((a, b) => a - b);
  return clamped(60 / gaps[gaps.length >> 1]);
}

const clamped = (tempo) => Math.min(TEMPOS[1], Math.max(TEMPOS[0], Math.round(tempo)));
