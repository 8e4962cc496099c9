/**
 * Plays the recording, its notes on a sampled piano as loud as the recording, or one in each ear.
 *
 * Where the recording is heard, its audio element is the clock; otherwise the sound card's.
 * Events: `change` when it starts, stops or is set otherwise, `tuning` when its piano is not
 * ready yet, `faster` when a loop is to go on at another speed, `trouble` with an error as detail.
 */

import { EXCERPT, matchingGain, outputStage, USUAL } from "./loudness.js";
import { Metronome } from "./metronome.js";
import { trouble } from "./notices.js";
import { Piano } from "./piano.js";

/** Seconds for which notes are struck ahead; more when the page is in the background. */
const AHEAD = 0.4;
const AHEAD_HIDDEN = 2.5;
/** Seconds by which notes and recording may drift apart. */
const DRIFT = 0.04;
/** The greatest gain where it is not 1: ticks have to be heard through loud music. */
const MOST = { metronome: 2 };

export class Player extends EventTarget {
  /**
   * @param {HTMLAudioElement} audio
   * @param {() => import("./notes.js").Notes} notes
   * @param {(start: number, seconds: number) => Promise<Float32Array>} sound the recording's
   */
  constructor(audio, notes, sound) {
    super();
    this.audio = audio;
    /** How many recordings were opened. */
    this.nOpened = 0;
    this.notes = notes;
    this.sound = sound;
    this.playing = false;
    this.duration = 0;
    /** Seconds of the recording's sound that there are. */
    this.heard = 0;
    /** `recording`, `notes` or `both` (one in each ear). */
    this.listen = "recording";
    this.speed = 1;
    /** `{start, end}` of a passage that is repeated. */
    this.passage = null;
    this.context = null;
    this.piano = new Piano();
    this.metronome = new Metronome();
    /** Whether the metronome ticks, and whether it counts a bar before the music. */
    this.ticking = false;
    this.countsIn = false;
    /** Steps by which a loop changes its speed with every turn. */
    this.loopStep = 0;
    /** How loud each of what sounds is, from 0 to 1. */
    this.volumes = { recording: 1, notes: 1, metronome: 0.7 };
    /** Whether sound has begun, after what may have to be loaded first. */
    this.begun = false;
    /** Second of music at the context's time `since`; while stopped, where it stands. */
    this.origin = 0;
    this.since = 0;
    this.timer = 0;
    audio.preservesPitch = true;
    audio.addEventListener("error", () => {
      if (audio.getAttribute("src") && this.playing) this.fail(trouble("play.missing"));
    });
    audio.addEventListener("ended", () => this.playing && this.audible && this.tick());
  }

  /** Whether the recording itself is heard. */
  get audible() {
    return this.listen !== "notes";
  }

  /** Second of music that sounds now. */
  get position() {
    if (!this.begun) return this.origin;
    if (this.audible) return this.audio.currentTime;
    return Math.max(0, this.origin + (this.context.currentTime - this.since) * this.speed);
  }

  /** Begin with another recording, of which nothing can be heard yet. */
  open(duration) {
    this.pause();
    this.passage = null;
    this.origin = 0;
    this.duration = duration;
    /** The piano's gain for this recording; null while not known. */
    this.gain = null;
    /** Resolves to the address of the recording's sound; null while there is none. */
    this.source = null;
    this.nOpened += 1;
    this.audio.removeAttribute("src");
    this.audio.load();
  }

  /** The music lasts so many seconds, as far as is known now. */
  setDuration(duration) {
    if (duration === this.duration) return;
    this.duration = duration;
    this.changed();
  }

  /**
   * There are so many seconds of the recording's sound by now, at the address that `source` gives.
   *
   * It is taken when it is played, or at once where it is whole: browsers keep some of all that
   * an audio element has ever looked into, which while it grows would be many.
   */
  async hear(source, seconds, isWhole) {
    this.heard = seconds;
    this.source = source;
    if (isWhole && !this.playing) await this.load();
  }

  /** Take the sound as it is now. */
  async load() {
    const { nOpened } = this;
    const address = await this.source?.();
    if (nOpened !== this.nOpened || !address) return;
    if (this.audio.getAttribute("src") !== address) this.audio.src = address;
  }

  /** Begin at once; must be called from a click or a key. */
  async play() {
    if (this.playing) return;
    if (this.origin >= this.duration - 0.05) this.origin = this.passage?.start ?? 0;
    if (this.audible && !this.source) return this.fail(trouble("play.missing"));
    this.prepare();
    this.playing = true;
    this.changed();
    try {
      await Promise.all([this.context.resume(), this.audible && this.load()]);
      // What was loaded while the rest was being heard ends too early.
      if (this.audio.duration < this.heard - 0.5) this.audio.load();
      if (this.listen !== "recording") {
        await this.tuned();
        await this.matchLoudness();
      }
      if (this.playing && this.countsIn) await this.countIn();
      if (this.playing && !this.begun) await this.begin();
    } catch (error) {
      if (this.playing && error.name !== "AbortError") this.fail(error);
    }
  }

  /** Wait for the piano's sounds; event `tuning` where that takes longer than a moment. */
  async tuned() {
    const slow = setTimeout(() => this.dispatchEvent(new Event("tuning")), 500);
    try {
      await this.piano.load();
    } finally {
      clearTimeout(slow);
    }
  }

  /** Let the notes be as loud as the recording, compared where the music begins. */
  async matchLoudness() {
    if (this.gain === null) {
      const notes = this.notes();
      const start = notes.length ? notes.onset[0] : 0;
      const seconds = Math.min(EXCERPT, Math.max(this.heard, notes.end) - start);
      try {
        const recording = await this.sound(start, seconds);
        this.gain = await matchingGain(this.piano, notes, recording, start, seconds);
      } catch {
        this.gain = USUAL; // Only a matter of comfort: there is nothing to compare with.
      }
    }
    this.level.gain.value = this.gain;
  }

  /** A bar of ticks; resolves when the music is to begin, or when it is stopped. */
  countIn() {
    const seconds = this.metronome.countIn(this.origin, this.speed);
    return new Promise((resolve) => {
      this.counted = resolve;
      setTimeout(resolve, 1000 * seconds);
    });
  }

  setTicking(on) {
    this.ticking = on;
    if (this.begun) this.metronome.from(this.position);
    if (!on) this.metronome.silence();
  }

  /** Let the `recording` or its `notes` be so loud, from 0 to 1. */
  setVolume(side, volume) {
    this.volumes[side] = volume;
    if (this.context) this.balance();
  }

  async begin() {
    this.balance();
    this.audio.playbackRate = this.speed;
    if (this.audible) {
      this.audio.currentTime = this.origin;
      await this.audio.play();
      if (!this.playing) return;
    }
    this.begun = true;
    this.resync(this.origin);
    clearInterval(this.timer);
    this.timer = setInterval(() => this.tick(), 50);
    this.tick();
  }

  pause() {
    if (!this.playing) return;
    this.origin = Math.min(this.position, this.duration || Infinity);
    this.playing = this.begun = false;
    clearInterval(this.timer);
    this.audio.pause();
    this.piano.silence();
    this.metronome.silence();
    this.counted?.();
    this.changed();
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  /** Go to a second of music, playing on if it plays. */
  seek(time) {
    const to = Math.min(Math.max(0, time), this.duration);
    this.origin = to;
    if (this.begun) {
      if (this.audible) this.audio.currentTime = to;
      this.resync(to);
    }
    this.changed();
  }

  /** Hear `recording`, `notes` or `both`. */
  async setListen(listen) {
    const playing = this.playing;
    this.pause();
    this.listen = listen;
    this.changed();
    if (playing) await this.play();
  }

  /** 1 is as recorded; pitches stay as they are. */
  setSpeed(speed) {
    const position = this.position;
    this.speed = speed;
    this.audio.playbackRate = speed;
    if (this.begun) this.resync(position);
    this.changed();
  }

  /** Have the piano ready by the time that it is wanted. */
  async tune() {
    try {
      await this.piano.load();
    } catch {
      // Pressing play tries once more, and says what is wrong.
    }
  }

  /** Repeat a passage, `{start, end}`, or nothing (`null`). */
  setPassage(passage) {
    this.passage = passage;
    if (passage && (this.position < passage.start || this.position > passage.end)) {
      this.seek(passage.start);
    }
    this.changed();
  }

  /** Sound one key for a moment, if the piano is there and nothing plays. */
  async tryKey(pitch, velocity) {
    if (this.playing || !navigator.userActivation?.hasBeenActive) return;
    this.prepare();
    try {
      await Promise.all([this.context.resume(), this.piano.load()]);
    } catch {
      return; // Only a foretaste: pressing play says what is wrong.
    }
    this.piano.silence();
    const now = this.context.currentTime;
    this.piano.strike(pitch, velocity, now, now + 0.5);
  }

  changed() {
    this.dispatchEvent(new Event("change"));
  }

  fail(error) {
    this.pause();
    this.dispatchEvent(new CustomEvent("trouble", { detail: error }));
  }

  prepare() {
    if (this.context) return;
    this.context = new AudioContext({ latencyHint: "interactive" });
    this.left = new StereoPannerNode(this.context);
    this.right = new StereoPannerNode(this.context);
    const { level, output } = outputStage(this.context, USUAL);
    this.level = level;
    const sides = Object.keys(this.volumes);
    this.volume = Object.fromEntries(sides.map((side) => [side, new GainNode(this.context)]));
    this.context.createMediaElementSource(this.audio).connect(this.volume.recording).connect(this.left);
    this.left.connect(this.context.destination);
    output.connect(this.volume.notes).connect(this.right).connect(this.context.destination);
    this.piano.connect(this.context, level);
    this.metronome.connect(this.context, this.volume.metronome);
    this.volume.metronome.connect(this.context.destination);
    this.balance();
  }

  balance() {
    const apart = this.listen === "both" ? 1 : 0;
    for (const [side, { gain }] of Object.entries(this.volume)) {
      gain.value = this.volumes[side] ** 2 * (MOST[side] ?? 1);
    }
    this.left.pan.value = -apart;
    this.right.pan.value = apart;
  }

  /** Strike notes anew from a second of music on. */
  resync(position) {
    this.piano.silence();
    this.origin = position;
    this.since = this.context.currentTime + (this.audible ? 0 : 0.03);
    this.struckUntil = position;
    this.metronome.from(position);
    this.fresh = true;
  }

  tick() {
    const position = this.position;
    const end = this.passage?.end ?? this.duration;
    if (position >= end - 0.01 || (this.audible && this.audio.ended)) {
      if (!this.passage) return this.pause();
      if (this.loopStep) this.dispatchEvent(new Event("faster"));
      this.seek(this.passage.start);
      return;
    }
    this.follow(position);
    if (this.listen !== "recording") this.strikeAhead(position, end);
    if (this.ticking) this.metronome.ahead(this.aheadOf(position, end), (time) => this.at(time));
  }

  /** The context's time of a second of music. */
  at(time) {
    return this.since + (time - this.origin) / this.speed;
  }

  /** The second of music until which sounds are to be started now. */
  aheadOf(position, end) {
    return Math.min(end, position + (document.hidden ? AHEAD_HIDDEN : AHEAD) * this.speed);
  }

  /** Where the recording is heard, go by its clock. */
  follow(position) {
    const now = this.context.currentTime;
    if (this.audible) {
      const assumed = this.origin + (now - this.since) * this.speed;
      if (Math.abs(assumed - position) > DRIFT * this.speed) {
        [this.origin, this.since] = [position, now];
      }
    }
  }

  strikeAhead(position, end) {
    const now = this.context.currentTime;
    const notes = this.notes();
    const sounding = notes.soundsUntil();
    const at = (time) => this.at(time);
    const until = this.aheadOf(position, end);
    if (this.fresh) {
      const [first, last] = [notes.firstFrom(position - 4), notes.firstFrom(position)];
      for (let i = first; i < last; i += 1) {
        if (sounding[i] <= position) continue;
        const late = (position - notes.onset[i]) / this.speed;
        this.piano.strike(notes.pitch[i], notes.velocity[i], now, at(sounding[i]), late);
      }
      this.fresh = false;
    }
    for (let i = notes.firstFrom(this.struckUntil); i < notes.length; i += 1) {
      if (notes.onset[i] >= until) break;
      const when = Math.max(now, at(notes.onset[i]));
      this.piano.strike(notes.pitch[i], notes.velocity[i], when, at(sounding[i]));
    }
    this.struckUntil = Math.max(this.struckUntil, until);
  }
}
