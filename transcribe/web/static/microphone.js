/** Recording from the microphone, with a line that shows how loud it is. */

import { byId } from "./elements.js";
import { LiveDraft } from "./live.js";
import { ask, say, tellError, trouble } from "./notices.js";
import { appendPiece, beginRecording, lockOf, discardRecording } from "./recordings-store.js";
import { date, t } from "./texts.js";
import { clock } from "./words.js";

const TYPES = [
  ["audio/webm;codecs=opus", "webm"],
  ["audio/mp4", "m4a"],
  ["audio/ogg;codecs=opus", "ogg"],
];
/** Music rather than speech: nothing is to be taken out or evened out. */
const SOUND = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
/** A take's day and time, in its name: to the second, as two may be made in a minute. */
const WHEN = {
  day: "numeric",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
};
/** Milliseconds between the pieces that are kept. */
const PIECE = 1000;
/** The line's left end, in dB below full scale. */
const QUIETEST = -60;

export class Microphone {
  /** @param {(recording: object) => void} onRecorded called with every recording that was stopped */
  constructor(onRecorded) {
    this.onRecorded = onRecorded;
    this.recorder = null;
    this.starting = false;
    this.live = new LiveDraft();
    byId("record").addEventListener("click", () => this.start());
    byId("recorder-stop").addEventListener("click", () => this.stop(true));
    byId("recorder-discard").addEventListener("click", () => this.discard());
  }

  get recording() {
    return this.recorder !== null;
  }

  async start() {
    if (this.recorder || this.starting) return;
    this.starting = true;
    try {
      this.stream = await microphone();
      await this.record();
    } catch (error) {
      tellError(inWords(error));
      this.release();
    } finally {
      this.starting = false;
    }
  }

  async record() {
    const [type, ending] = TYPES.find(([each]) => MediaRecorder.isTypeSupported(each));
    const when = date(Date.now(), WHEN).replaceAll(":", ".");
    this.current = { id: crypto.randomUUID(), name: `${t("recorder.name", { when })}.${ending}` };
    Object.assign(this.current, { type, seconds: 0 });
    navigator.locks.request(lockOf(this.current), () => new Promise((done) => (this.unlock = done)));
    await beginRecording(this.current);
    this.kept = Promise.resolve();
    this.began = performance.now();
    this.recorder = new MediaRecorder(this.stream, { mimeType: type, audioBitsPerSecond: 192_000 });
    this.recorder.ondataavailable = ({ data }) => data.size && this.keep(data);
    this.stream.getTracks()[0].onended = () => this.stop(true);
    this.recorder.start(PIECE);
    this.show(true);
    this.watch();
    say(t("recorder.began"));
    this.live.start(this.stream);
  }

  keep(data) {
    this.current.seconds = this.seconds;
    const recording = { ...this.current };
    this.kept = this.kept.then(() => appendPiece(recording, data)).catch((error) => tellError(inWords(error)));
  }

  get seconds() {
    return (performance.now() - this.began) / 1000;
  }

  /** Throw away what is being recorded, after asking; it records on while it asks. */
  async discard() {
    const question = t("recorder.discard", { time: clock(this.seconds) });
    if (await ask(question, t("discard"))) await this.stop(false);
  }

  async stop(use) {
    const { recorder, current } = this;
    if (!recorder || recorder.state === "inactive") return;
    await new Promise((resolve) => {
      recorder.onstop = resolve;
      recorder.stop();
    });
    await this.kept;
    this.release();
    if (use) this.onRecorded(current);
    else {
      await discardRecording(current);
      say(t("recorder.discarded"));
    }
  }

  release() {
    this.live.stop();
    this.stream?.getTracks().forEach((track) => track.stop());
    this.context?.close();
    this.unlock?.();
    this.stream = this.context = this.unlock = this.recorder = null;
    this.show(false);
  }

  show(recording) {
    const was = byId("choose").hidden;
    byId("recorder").hidden = !recording;
    byId("choose").hidden = recording;
    if (recording) byId("recorder-stop").focus();
    else if (was) byId("record").focus();
  }

  /** Draw the line with every frame until the recording ends. */
  watch() {
    this.context = new AudioContext();
    const analyser = new AnalyserNode(this.context, { fftSize: 2048 });
    this.context.createMediaStreamSource(this.stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    const canvas = byId("level-canvas");
    let [held, loudest, told] = [QUIETEST, QUIETEST, performance.now()];
    const frame = () => {
      if (!this.recorder) return;
      analyser.getFloatTimeDomainData(samples);
      const peak = samples.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-6);
      const level = Math.max(QUIETEST, 20 * Math.log10(peak));
      held = Math.max(level, held - 0.6);
      loudest = Math.max(loudest, level);
      drawLevel(canvas, level, held);
      byId("recorder-clock").textContent = clock(this.seconds);
      if (performance.now() - told > 1500) {
        byId("level").setAttribute("aria-valuenow", Math.round(share(loudest) * 100));
        byId("level-words").textContent = advice(loudest);
        [loudest, told] = [QUIETEST, performance.now()];
      }
      requestAnimationFrame(frame);
    };
    frame();
  }
}

const share = (level) => (level - QUIETEST) / -QUIETEST;

function advice(level) {
  if (level > -1) return t("level.loud");
  if (level < -50) return t("level.silent");
  if (level < -32) return t("level.quiet");
  return t("level.good");
}

function drawLevel(canvas, level, held) {
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth * ratio, canvas.clientHeight * ratio];
  if (canvas.width !== Math.round(width)) [canvas.width, canvas.height] = [width, height];
  const style = getComputedStyle(document.documentElement);
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, width, height);
  context.fillStyle = style.getPropertyValue(level > -1 ? "--danger" : "--accent");
  context.fillRect(0, 0, share(level) * width, height);
  context.fillStyle = style.getPropertyValue("--ink");
  context.fillRect(share(held) * width - 3, 0, 3, height);
}

async function microphone() {
  if (!navigator.mediaDevices?.getUserMedia || !window.MediaRecorder) {
    throw trouble("microphone.none");
  }
  return navigator.mediaDevices.getUserMedia({ audio: SOUND });
}

function inWords(error) {
  const key = {
    NotAllowedError: "microphone.refused",
    NotFoundError: "microphone.missing",
    NotReadableError: "microphone.busy",
    QuotaExceededError: "microphone.full",
  }[error.name];
  return key ? trouble(key) : error;
}
