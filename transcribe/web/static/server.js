/**
 * What the page asks of the program behind it, one function for each address.
 *
 * Every failure is a `ServerError` whose words can be shown as they are.
 */

/** Says what happened (`message`) and what can be done next (`hint`). */
export class ServerError extends Error {
  constructor(message, hint = "", status = 0) {
    super(message);
    this.name = "ServerError";
    this.hint = hint;
    this.status = status;
  }
}

const GONE = [
  "The program behind this page does not answer.",
  "It may have been closed. Start it again with “transcribe serve”; everything is kept.",
];

function failure(status, text) {
  try {
    const { error, hint } = JSON.parse(text);
    if (error) return new ServerError(error, hint, status);
  } catch {
    // Not one of the program's own answers; the words below fit any of them.
  }
  return new ServerError(`That did not work (answer ${status}).`, "Try once more.", status);
}

async function ask(path, { method = "GET", body } = {}) {
  const headers = method === "GET" ? {} : { "X-Transcribe": "1" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    const content = body === undefined ? undefined : JSON.stringify(body);
    answer = await fetch(path, { method, headers, body: content });
  } catch {
    throw new ServerError(...GONE);
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

/** All recordings, newest first, and the limits: `{recordings, limits, disk_free_bytes}`. */
export const listRecordings = () => json("/api/recordings");

/** One recording and how far it is. */
export const getRecording = (id) => json(at(id));

/** Take a recording and all that belongs to it away. */
export const removeRecording = (id) => json(at(id), { method: "DELETE" });

/** Stop transcribing; what was heard so far is kept. */
export const cancelRecording = (id) => json(at(id, "/cancel"), { method: "POST" });

/** Transcribe once more after a failure or a cancel. */
export const repeatRecording = (id) => json(at(id, "/again"), { method: "POST" });

/** Notes, pedal and settings as they are now. */
export const getNotes = (id) => json(at(id, "/notes"));

/** Read the notes anew at `{threshold, minimum_duration}`; answers like `getNotes`. */
export const putSettings = (id, settings) =>
  json(at(id, "/settings"), { method: "PUT", body: settings });

/** Change notes by hand, as one step for undo; answers like `getNotes`. */
export const postEdits = (id, changes) =>
  json(at(id, "/edits"), { method: "POST", body: { changes } });

/** Take the last change by hand back; answers like `getNotes`. */
export const postUndo = (id) => json(at(id, "/undo"), { method: "POST" });

/** Do again what was taken back; answers like `getNotes`. */
export const postRedo = (id) => json(at(id, "/redo"), { method: "POST" });

/** Lowest and highest sample by turns: `{pairs: Int8Array, perSecond}`. */
export async function getWaveform(id) {
  const answer = await ask(at(id, "/waveform"));
  const perSecond = Number(answer.headers.get("X-Pairs-Per-Second")) || 50;
  return { pairs: new Int8Array(await answer.arrayBuffer()), perSecond };
}

/** The recorded notes that transcriptions are played with: `[{pitch, velocity, url}]`. */
export const getPiano = async () => (await json("/api/piano")).samples;

/** The bytes of one of them. */
export const getSample = async (url) => (await ask(url)).arrayBuffer();

/** Address of the recording's own sound. */
export const soundAddress = (id) => at(id, "/sound");

/** Address of a file to take away: mid, sustained.mid, csv, json, wav or svg. */
export const downloadAddress = (id, kind) => at(id, `/download/${kind}`);

/** A file to take away: `{blob, name}`. */
export async function getDownload(id, kind) {
  const answer = await ask(at(id, `/download/${kind}`));
  const said = answer.headers.get("Content-Disposition") ?? "";
  const [, encoded] = said.match(/filename\*=utf-8''([^;]+)/i) ?? [];
  const [, plain] = said.match(/filename="([^"]+)"/) ?? [];
  const name = encoded ? decodeURIComponent(encoded) : plain ?? kind;
  return { blob: await answer.blob(), name };
}

/** Address of the file as it was put in. */
export const originalAddress = (id) => at(id, "/original");

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
    request.onerror = () => reject(new ServerError(...GONE));
    request.onabort = () => reject(new DOMException("stopped", "AbortError"));
    signal.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}

/** Tells with `lost` when the program has gone, and with `back` when it answers again. */
export const connection = new EventTarget();

/** Milliseconds without an answer before the program is said to be gone. */
const PATIENCE = 4000;

function listen(path, handlers) {
  const source = new EventSource(path);
  let lost = false;
  let timer = 0;
  for (const [name, handle] of Object.entries(handlers)) {
    source.addEventListener(name, (event) => event.data && handle(JSON.parse(event.data)));
  }
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) handlers.refused?.();
    if (source.readyState === EventSource.CLOSED || lost || timer) return;
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
  });
  return () => {
    clearTimeout(timer);
    source.close();
  };
}

/** Be told of every recording that changes or goes; returns a function that ends it. */
export const watchAll = (onRecording, onDeleted) =>
  listen("/api/events", { progress: onRecording, state: onRecording, deleted: onDeleted });

/**
 * Be told of one: `{progress(recording), notes({notes}), state(recording), refused()}`; the
 * last if there is nothing more to be told, because it was removed.
 */
export const watchOne = (id, handlers) => listen(at(id, "/events"), handlers);
