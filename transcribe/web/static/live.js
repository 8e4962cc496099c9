/**
 * Notes while the microphone records: on a roll, and out of a MIDI port if one is chosen.
 *
 * They are a draft: the recording is transcribed as a whole when it stops. Whatever fails here
 * fails alone, and the recording goes on.
 */

import { byId } from "./elements.js";
import { Notes } from "./notes.js";
import { inWords } from "./notices.js";
import { Roll } from "./roll.js";
import { closeLive, liveSoundAddress, openLive, pushLive } from "./server.js";
import { t } from "./texts.js";

/** Seconds of music on the roll, and of notes that are kept for it. */
const SHOWN = 8;
const KEPT = 30;
/** Keys on the roll. */
const [LOW, KEYS] = [28, 72];
/** Milliseconds between two looks at how late notes are. */
const TELL = 500;
/** Delays that are remembered. */
const MOST_DELAYS = 1000;
const [NOTE_ON, NOTE_OFF, CONTROL, SUSTAIN, ALL_OFF] = [0x90, 0x80, 0xb0, 64, 123];

export class LiveDraft {
  constructor() {
    this.midi = null;
    byId("live-latency").addEventListener("change", () => this.restart());
    byId("live-midi-ask").addEventListener("click", () => this.askMidi());
    byId("live-midi").addEventListener("change", () => this.chooseMidi());
    byId("live-midi-ask").hidden = !navigator.requestMIDIAccess;
  }

  /** Show the notes of a microphone's sound. */
  async start(stream) {
    this.stream = stream;
    byId("live-words").textContent = "";
    const run = { stream };
    this.run = run;
    try {
      await this.begin(run);
    } catch (error) {
      if (this.run === run) this.fail(error);
    }
  }

  async begin(run) {
    const latency = Number(byId("live-latency").value);
    const { id, sample_rate: rate } = await openLive(latency);
    Object.assign(run, { id, rate, waiting: [], n: 0, captured: 0, rows: [], open: new Map() });
    Object.assign(run, { pedal: [], nNotes: 0, delays: [], told: 0, busy: null });
    if (this.run !== run) return void closeLive(id).catch(() => {});
    run.context = new AudioContext({ sampleRate: rate });
    await run.context.audioWorklet.addModule(liveSoundAddress());
    if (this.run !== run) return;
    const node = new AudioWorkletNode(run.context, "live-sound", { numberOfInputs: 1 });
    run.context.createMediaStreamSource(run.stream).connect(node);
    node.connect(run.context.destination); // it is silent, and runs because of that
    node.port.onmessage = ({ data }) => this.hear(run, data);
    byId("live").hidden = false;
    this.roll ??= new Roll(byId("live-roll"), new Notes());
    this.roll.notes.set([], []);
    this.roll.resize();
    Object.assign(this.roll.view, { low: LOW, keys: KEYS });
    this.draw(run);
  }

  hear(run, samples) {
    run.waiting.push(samples);
    run.n += samples.length;
    run.captured = performance.now();
    run.busy ??= this.send(run).finally(() => (run.busy = null));
  }

  /** Send what waits, again and again; more at once where an answer took long. */
  async send(run) {
    try {
      while (run.waiting.length && this.run === run) {
        const samples = joined(run.waiting.splice(0));
        const [captured, n] = [run.captured, run.n];
        const { events } = await pushLive(run.id, samples);
        if (this.run !== run) return; // it has ended, and let everything up
        this.take(run, events, (time) => captured - 1000 * (n / run.rate - time));
      }
    } catch (error) {
      if (this.run === run) this.fail(error);
    }
  }

  /** @param {(time: number) => number} struckAt when a time of the sound was, in `performance.now` */
  take(run, events, struckAt) {
    for (const [kind, time, ...values] of events) {
      if (kind === "down") {
        const [pitch, velocity, confidence] = values;
        run.nNotes += 1;
        run.open.set(pitch, run.rows.length);
        run.rows.push([String(run.nNotes), time, pitch, Infinity, velocity, confidence, false]);
        this.out(NOTE_ON, pitch, velocity);
        run.delays.push(performance.now() - struckAt(time));
        if (run.delays.length > MOST_DELAYS) run.delays.shift();
      } else if (kind === "up") {
        const row = run.rows[run.open.get(values[0])];
        if (row) row[3] = Math.max(time, row[1] + 0.01);
        run.open.delete(values[0]);
        this.out(NOTE_OFF, values[0], 64);
      } else {
        if (values[0]) run.pedal.push([time, Infinity]);
        else if (run.pedal.length) run.pedal.at(-1)[1] = time;
        this.out(CONTROL, SUSTAIN, values[0] ? 127 : 0);
      }
    }
  }

  /** Draw with every frame, as far as the sound has come. */
  draw(run) {
    if (this.run !== run) return;
    const now = run.n / run.rate + Math.min(0.1, (performance.now() - run.captured) / 1000);
    const { roll } = this;
    const recent = run.rows.filter((row) => row[3] > now - KEPT);
    if (recent.length < run.rows.length) {
      run.rows = recent;
      run.open = new Map(recent.flatMap((row, i) => (row[3] === Infinity ? [[row[2], i]] : [])));
      run.pedal = run.pedal.filter(([, up]) => up > now - KEPT);
    }
    const until = (time) => Math.min(time, now);
    roll.notes.set(
      recent.map(([id, onset, pitch, offset, ...rest]) => [id, onset, pitch, until(offset), ...rest]),
      run.pedal.map(([down, up]) => [down, until(up)]),
    );
    roll.view.scale = roll.view.width / SHOWN;
    roll.view.setDuration(Math.max(now, SHOWN));
    roll.view.scrollTo(now - SHOWN);
    roll.playhead = now;
    roll.sounding = true;
    roll.changed();
    this.tell(run);
    requestAnimationFrame(() => this.draw(run));
  }

  tell(run) {
    if (performance.now() - run.told < TELL) return;
    run.told = performance.now();
    if (!run.delays.length) return;
    const sorted = [...run.delays].sort((a, b) => a - b);
    const within = (share) => Math.round(sorted[Math.ceil(share * sorted.length) - 1]);
    const delays = { half: within(0.5), most: within(0.99) };
    byId("live-words").textContent = t("live.told", { n: run.nNotes, ...delays });
  }

  fail(error) {
    this.end();
    const why = error.name === "NotSupportedError" ? t("live.rate") : inWords(error).message;
    byId("live-words").textContent = t("live.failed", { why });
  }

  /** With another latency: the notes so far go, the sound goes on. */
  restart() {
    if (!this.run) return;
    const { stream } = this.run;
    this.end();
    this.start(stream);
  }

  /** The recording has stopped. */
  stop() {
    this.end();
    this.stream = null;
    byId("live-words").textContent = "";
  }

  end() {
    const { run } = this;
    this.run = null;
    byId("live").hidden = true;
    run?.context?.close();
    if (run?.id) Promise.resolve(run.busy).then(() => closeLive(run.id)).catch(() => {});
    this.silence();
  }

  // --- MIDI ---

  async askMidi() {
    try {
      this.access = await navigator.requestMIDIAccess();
    } catch {
      byId("live-midi-ask").textContent = t("live.port.refused");
      return;
    }
    byId("live-midi-ask").hidden = true;
    byId("live-midi").hidden = false;
    this.access.onstatechange = () => this.listMidi();
    this.listMidi();
  }

  listMidi() {
    const select = byId("live-midi");
    const chosen = select.value;
    const outputs = [...this.access.outputs.values()];
    const none = t(outputs.length ? "live.port.none" : "live.port.closed");
    const options = [["", none], ...outputs.map(({ id, name }) => [id, name])];
    select.replaceChildren(...options.map(([value, name]) => new Option(name, value)));
    select.value = outputs.some(({ id }) => id === chosen) ? chosen : "";
    this.chooseMidi();
  }

  chooseMidi() {
    this.silence();
    this.midi = this.access.outputs.get(byId("live-midi").value) ?? null;
  }

  out(...bytes) {
    try {
      this.midi?.send(bytes);
    } catch {
      this.midi = null; // it was unplugged
    }
  }

  /** Let up whatever may be down. */
  silence() {
    this.out(CONTROL, SUSTAIN, 0);
    this.out(CONTROL, ALL_OFF, 0);
  }
}

function joined(pieces) {
  const samples = new Float32Array(pieces.reduce((sum, each) => sum + each.length, 0));
  let place = 0;
  for (const each of pieces) {
    samples.set(each, place);
    place += each.length;
  }
  return samples;
}
