/** Recording from the microphone, with a line that shows how loud it is. */

import { byId } from "./elements.js";
import { LiveDraft } from "./live.js";
import { ask, say, tellError } from "./notices.js";
import { appendPiece, beginRecording, lockOf, discardRecording } from "./recordings-store.js";
import { clock } from "./words.js";

const TYPES = [
  ["audio/webm;codecs=opus", "webm"],
  ["audio/mp4", "m4a"],
  ["audio/ogg;codecs=opus", "ogg"],
];
/** Music rather than speech: nothing is to be taken out or evened out. */
const SOUND = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
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
    const now = new Date();
    const when = now.toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" });
    this.current = { id: crypto.randomUUID(), name: `Recorded ${when.replaceAll(":", ".")}.${ending}` };
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
    say("Recording has begun.");
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
    const question = `Discard the ${clock(this.seconds)} recorded so far? This can't be undone.`;
    if (await ask(question, "Discard")) await this.stop(false);
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
      say("Discarded.");
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
  if (level > -1) return "Too loud: move the microphone further away or lower its level.";
  if (level < -50) return "Almost silent. Is this the right microphone?";
  if (level < -32) return "Rather quiet: move the microphone nearer if you can.";
  return "Good level.";
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
    throw Object.assign(new Error("The browser does not let this page use a microphone."), {
      hint:
        "Browsers allow it only on the computer where transcribe runs. Record with another " +
        "program or the phone's own recorder, and choose that file here.",
    });
  }
  return navigator.mediaDevices.getUserMedia({ audio: SOUND });
}

function inWords(error) {
  const words = {
    NotAllowedError: [
      "The browser may not use the microphone.",
      "Allow it for this page (the sign beside the address), then press record again.",
    ],
    NotFoundError: [
      "No microphone was found.",
      "Connect one, or choose a file that was recorded elsewhere.",
    ],
    NotReadableError: [
      "The microphone could not be opened.",
      "Another program may be using it: close that, then press record again.",
    ],
    QuotaExceededError: [
      "The browser has no room left to keep the recording.",
      "Press stop: what was recorded so far will be transcribed.",
    ],
  }[error.name];
  return words ? Object.assign(new Error(words[0]), { hint: words[1] }) : error;
}
