/**
 * What the page asks of the server, one function for each address; no other module talks to it.
 *
 * Every failure is a `ServerError` whose words can be shown as they are; where it has a `kind`,
 * the page's texts may have other words for it.
 */

import { t } from "./texts.js";
import { size } from "./words.js";

/** Says what happened (`message`) and what can be done next (`hint`). */
export class ServerError extends Error {
  constructor(message, hint = "", status = 0, kind = "", values = {}) {
    super(message);
    this.name = "ServerError";
    Object.assign(this, { hint, status, kind, values });
  }
}

const gone = () => new ServerError(t("failed.gone"), t("failed.gone.hint"));

function failure(status, text) {
  try {
    const { error, hint, kind, values } = JSON.parse(text);
    if (error) return new ServerError(error, hint, status, kind, values);
  } catch {
    // Not one of the server's own answers; the words below fit any of them.
  }
  return new ServerError(t("failed.status", { status: String(status) }), t("failed.status.hint"), status);
}

async function ask(path, { method = "GET", body, samples, headers = {}, signal } = {}) {
  if (method !== "GET") headers["X-Transcribe"] = "1";
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    const content = body === undefined ? samples : JSON.stringify(body);
    answer = await fetch(path, { method, headers, body: content, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw gone();
  }
  if (!answer.ok) throw failure(answer.status, await answer.text());
  return answer;
}

async function json(path, options) {
  const answer = await ask(path, options);
  const text = await answer.text();
  return text ? JSON.parse(text) : null;
}

const at = (id, rest = "") => `/api/recordings/${encodeURIComponent(id)}${rest}`;

/**
 * What can be done here and not everywhere that the page is: music that goes on, sheet music,
 * and links to the files that are taken away.
 */
export const offers = { continued: true, score: true, byAddress: true };

/** The text that is told of a recording in work. */
export const WORKING_HINT = "hint.working";

/** All recordings, newest first, the limits, and how much room there is: `{…, room}`. */
export async function listRecordings() {
  const listed = await json("/api/recordings");
  const { disk_free_bytes: free } = listed;
  const room = free === undefined ? "" : t("list.room", { size: size(free) });
  return { ...listed, room };
}

/** End the program; `can_quit` of the list says whether that can be done here. */
export const quit = () => json("/api/quit", { method: "POST" });

/** One recording and how far it is. */
export const getRecording = (id) => json(at(id));

/** Give a recording another name; its file's ending stays. */
export const renameRecording = (id, name) => json(at(id), { method: "PATCH", body: { name } });

/**
 * The notes as a small picture, `{cells: Uint8Array, columns}`: the greatest velocity in each
 * cell, 0 for none, row by row, the highest keys first.
 */
export async function getThumbnail(id) {
  const answer = await ask(at(id, "/thumbnail"));
  const columns = Number(answer.headers.get("X-Columns"));
  return { cells: new Uint8Array(await answer.arrayBuffer()), columns };
}

/** Delete a recording and everything that belongs to it. */
export const removeRecording = (id) => json(at(id), { method: "DELETE" });

/** Stop transcribing; the notes found so far are kept. */
export const cancelRecording = (id) => json(at(id, "/cancel"), { method: "POST" });

/** Stop for a while, and go on from there. */
export const pauseRecording = (id) => json(at(id, "/pause"), { method: "POST" });
export const resumeRecording = (id) => repeatRecording(id);

/**
 * Transcribe a part only, from the beginning; with neither time, all of it.
 *
 * @param {{from: number|null, to: number|null}} part seconds of the recording
 */
export const putPart = (id, part) => json(at(id, "/part"), { method: "PUT", body: part });

/** Transcribe on after a failure or a cancel, from where it was. */
export const repeatRecording = (id) => json(at(id, "/again"), { method: "POST" });

const notesAt = (id, what, since) => at(id, `/${what}?since=${encodeURIComponent(since)}`);

/**
 * Notes, pedal and settings as they are now: all of them, with `notes`, or what is different
 * from the version `since`, with `changed` and `removed`.
 */
export const getNotes = (id, since) => json(notesAt(id, "notes", since));

/** Rows of what was too faint to be a note at the chosen sensitivity. */
export const getFaint = async (id) => (await json(at(id, "/faint"))).notes;

/** Read the notes anew at `{threshold, minimum_duration}`; answers like `getNotes`. */
export const putSettings = (id, since, settings) =>
  json(notesAt(id, "settings", since), { method: "PUT", body: settings });

/** Change notes by hand, as one step for undo; answers like `getNotes`. */
export const postEdits = (id, since, changes) =>
  json(notesAt(id, "edits", since), { method: "POST", body: { changes } });

/** Undo the last change by hand; answers like `getNotes`. */
export const postUndo = (id, since) => json(notesAt(id, "undo", since), { method: "POST" });

/** Redo what was undone; answers like `getNotes`. */
export const postRedo = (id, since) => json(notesAt(id, "redo", since), { method: "POST" });

/** Lowest and highest sample by turns: `{pairs: Int8Array, perSecond}`. */
export async function getWaveform(id) {
  const answer = await ask(at(id, "/waveform"));
  const perSecond = Number(answer.headers.get("X-Pairs-Per-Second")) || 50;
  return { pairs: new Int8Array(await answer.arrayBuffer()), perSecond };
}

/**
 * A tile of the spectrogram, `transcribe/web/spectrogram.py` says which: a Uint8Array, row by
 * row, the highest keys first.
 */
export async function getSpectrogram(id, level, number) {
  const answer = await ask(at(id, `/spectrogram/${level}/${number}`));
  return new Uint8Array(await answer.arrayBuffer());
}

/** Keep what the person knows of the piece: `{tempo, metre, key, downbeat, swing}`; the recording. */
export const putWishes = (id, wishes) => json(at(id, "/wishes"), { method: "PUT", body: wishes });

/**
 * Beats in seconds, and bars as `[number, index of a beat]`: `{beats, bars, tempo, metre, doubts}`.
 *
 * @param {AbortSignal} signal stops it
 */
export const getBeats = (id, signal) => json(at(id, "/beats"), { signal });

/**
 * The notes as sheet music: `{pages, ids, bars, tempo, metre, key, doubts}`.
 *
 * @param {number} width pixels of the page
 * @param {AbortSignal} signal stops it
 */
export const getScore = (id, width, signal) =>
  json(at(id, `/score?${new URLSearchParams({ width })}`), { signal });

/**
 * Pages of A4, an SVG each.
 *
 * @param {"roll"|"score"} what
 * @param {object} wanted of the roll, `{bars: true}` for bars in place of seconds
 * @param {AbortSignal} signal stops it
 */
export const getPages = async (id, what, wanted, signal) =>
  (await json(at(id, `/paper/${what}?${new URLSearchParams(wanted)}`), { signal })).pages;

/** The recorded notes that transcriptions are played with: `[{pitch, velocity, url}]`. */
export const getPiano = async () => (await json("/api/piano")).samples;

/** The bytes of one of them. */
export const getSample = async (url) => (await ask(url)).arrayBuffer();

/**
 * Resolves to the address of the recording's own sound, as much as there is by now: wav, mono,
 * 16 bits, at `SOUND_RATE`.
 */
export const soundAddress = async (id) => at(id, "/sound");
export const SOUND_RATE = 16_000;
const WAV_HEADER = 44;

/** Some seconds of it as samples from -1 to 1. */
export async function getSound(id, start, seconds) {
  const first = WAV_HEADER + 2 * Math.round(start * SOUND_RATE);
  const last = first + 2 * Math.round(seconds * SOUND_RATE) - 1;
  const answer = await ask(at(id, "/sound"), { headers: { Range: `bytes=${first}-${last}` } });
  const bytes = await answer.arrayBuffer();
  const samples = new Int16Array(bytes, 0, Math.floor(bytes.byteLength / 2));
  return Float32Array.from(samples, (sample) => sample / 32_768);
}

/** Address of a download, of a kind that `docs/web.md` lists. */
export const downloadAddress = (id, kind) => at(id, `/download/${kind}`);

/**
 * How the music could go on: `{seed, start, notes, pedal}`.
 *
 * @param {{seconds: number, at: number|null, tame: number}} wanted
 * @param {AbortSignal} signal stops it
 */
export const getContinuation = (id, wanted, signal) =>
  json(at(id, "/continuation"), { method: "POST", body: wanted, signal });

/**
 * A download: `{blob, name}`.
 *
 * @param {AbortSignal} signal stops it
 * @param {object} wanted of a continuation, what was wanted of it and its seed
 */
export async function getDownload(id, kind, signal = undefined, wanted = {}) {
  const answer = await ask(at(id, `/download/${kind}?${new URLSearchParams(wanted)}`), { signal });
  const said = answer.headers.get("Content-Disposition") ?? "";
  const [, encoded] = said.match(/filename\*=utf-8''([^;]+)/i) ?? [];
  const [, plain] = said.match(/filename="([^"]+)"/) ?? [];
  const name = encoded ? decodeURIComponent(encoded) : plain ?? kind;
  return { blob: await answer.blob(), name };
}

/** Address of the file that was uploaded. */
export const originalAddress = (id) => at(id, "/original");

/** Address of the script that takes sound out of the browser's audio thread (`live-sound.js`). */
export const liveSoundAddress = () => "/static/live-sound.js";

/**
 * Begin to have notes while recording: `{id, sample_rate, wait}`, the sound that is asked for and
 * how many seconds of it are heard before a note is decided.
 *
 * @param {number} latency milliseconds
 */
export const openLive = (latency) => json(`/api/live?latency=${latency}`, { method: "POST" });

/** Give the next samples; what they decide: `{events, seconds}`, see `docs/web.md`. */
export const pushLive = (id, samples) => json(`/api/live/${id}`, { method: "POST", samples });

/** End it; what was held back. */
export const closeLive = (id) => json(`/api/live/${id}`, { method: "DELETE" });

/**
 * Send a file; resolves to the new recording.
 *
 * @param {Blob} file
 * @param {string} name the name it shall have
 * @param {(fraction: number) => void} onProgress 0 to 1 of the bytes sent
 * @param {AbortSignal} signal stops it
 */
export function upload(file, name, onProgress, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/api/recordings?name=${encodeURIComponent(name)}`);
    request.setRequestHeader("X-Transcribe", "1");
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.onprogress = (event) => onProgress(event.loaded / (event.total || file.size));
    request.onload = () =>
      request.status < 300
        ? resolve(JSON.parse(request.responseText))
        : reject(failure(request.status, request.responseText));
    request.onerror = () => reject(gone());
    request.onabort = () => reject(new DOMException("stopped", "AbortError"));
    signal.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}

/** Events: `lost` when the server has gone, `back` when it answers again. */
export const connection = new EventTarget();

/** Milliseconds without an answer before the server counts as gone. */
const PATIENCE = 4000;

/**
 * Listen while the page is seen, or for as long as `needed()`: browsers keep six connections to a
 * server, for all of their windows, and a seventh that listened would not even open.
 */
function listen(path, handlers, needed = () => false) {
  let source = null;
  let lost = false;
  let timer = 0;
  const open = () => {
    source = new EventSource(path);
    for (const [name, handle] of Object.entries(handlers)) {
      source.addEventListener(name, (event) => event.data && handle(JSON.parse(event.data)));
    }
    source.addEventListener("error", ({ target }) => {
      if (target.readyState === EventSource.CLOSED) handlers.refused?.();
      if (target.readyState === EventSource.CLOSED || lost || timer) return;
      timer = setTimeout(() => {
        lost = true;
        connection.dispatchEvent(new Event("lost"));
      }, PATIENCE);
    });
    source.addEventListener("open", () => {
      clearTimeout(timer);
      timer = 0;
      if (lost) connection.dispatchEvent(new Event("back"));
      lost = false;
      handlers.opened();
    });
  };
  const close = () => {
    clearTimeout(timer);
    timer = 0;
    source?.close();
    source = null;
  };
  const turned = () => {
    if (document.hidden && !needed()) close();
    else if (!source) open();
  };
  document.addEventListener("visibilitychange", turned);
  turned();
  return () => {
    document.removeEventListener("visibilitychange", turned);
    close();
  };
}

/**
 * Watch every recording that changes or is deleted; returns a function that ends it.
 *
 * `opened()` is called whenever it begins to be told: what happened before has to be asked for.
 */
export const watchAll = (onRecording, onDeleted, opened) =>
  listen("/api/events", { progress: onRecording, state: onRecording, deleted: onDeleted, opened });

/**
 * Watch one recording; returns a function that ends it.
 *
 * Handlers: `progress(recording)`, `state(recording)`, `notes({notes})` while it is transcribed,
 * `edited({version})` when there are other notes, `engraving({share})` while a score is made that
 * was asked for, `deleted()`, `refused()` when the server
 * knows it no more, and `opened()` as for `watchAll`.
 *
 * @param {() => boolean} needed whether it is watched where nobody sees the page, too
 */
export const watchOne = (id, handlers, needed) => listen(at(id, "/events"), handlers, needed);
