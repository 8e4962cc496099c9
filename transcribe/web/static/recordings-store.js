/** What the microphone recorded, kept in the browser piece by piece until it is transcribed. */

/** Database, stores and index keep their first names: a browser may hold recordings in them. */
const NAME = "transcribe-takes";

function open() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("takes", { keyPath: "id" });
      request.result.createObjectStore("pieces", { autoIncrement: true }).createIndex("take", "take");
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function inStores(mode, work) {
  const database = await open();
  try {
    const transaction = database.transaction(["takes", "pieces"], mode);
    const request = work(transaction.objectStore("takes"), transaction.objectStore("pieces"));
    await new Promise((resolve, reject) => {
      transaction.oncomplete = resolve;
      transaction.onabort = transaction.onerror = () => reject(transaction.error);
    });
    return request?.result;
  } finally {
    database.close();
  }
}

/** Begin a recording: `{id, name, type, seconds}`. */
export const beginRecording = (recording) => inStores("readwrite", (takes) => takes.put(recording));

/** Keep one more piece and how long the recording is now. */
export const appendPiece = (recording, blob) =>
  inStores("readwrite", (takes, pieces) => {
    pieces.add({ take: recording.id, blob });
    takes.put(recording);
  });

/** The recordings that were never sent, without those another window is making now. */
export async function unfinishedRecordings() {
  if (!window.indexedDB || !navigator.locks) return [];
  const recordings = await inStores("readonly", (store) => store.getAll());
  const { held } = await navigator.locks.query();
  const live = new Set(held.map((lock) => lock.name));
  return recordings.filter((recording) => !live.has(lockOf(recording)));
}

/** A whole recording as one file. */
export async function recordingBlob(recording) {
  const pieces = await inStores("readonly", (_, store) => store.index("take").getAll(recording.id));
  return new Blob(pieces.map((piece) => piece.blob), { type: recording.type });
}

/** Forget a recording. */
export const discardRecording = (recording) =>
  inStores("readwrite", (takes, pieces) => {
    takes.delete(recording.id);
    const cursor = pieces.index("take").openKeyCursor(recording.id);
    cursor.onsuccess = () => {
      if (!cursor.result) return;
      pieces.delete(cursor.result.primaryKey);
      cursor.result.continue();
    };
  });

/** Name of the lock that a window holds while it makes a recording. */
export const lockOf = (recording) => `take-${recording.id}`;
