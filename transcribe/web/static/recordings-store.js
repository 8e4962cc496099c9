/** What the microphone recorded, kept in the browser piece by piece until it is transcribed. */

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

/** Begin a take: `{id, name, type, seconds}`. */
export const beginTake = (take) => inStores("readwrite", (takes) => takes.put(take));

/** Keep one more piece and how long the take is now. */
export const appendPiece = (take, blob) =>
  inStores("readwrite", (takes, pieces) => {
    pieces.add({ take: take.id, blob });
    takes.put(take);
  });

/** The takes whose recorder is gone; what another window records now is not among them. */
export async function unfinishedTakes() {
  if (!window.indexedDB || !navigator.locks) return [];
  const takes = await inStores("readonly", (store) => store.getAll());
  const { held } = await navigator.locks.query();
  const live = new Set(held.map((lock) => lock.name));
  return takes.filter((take) => !live.has(lockOf(take)));
}

/** The whole take as one file. */
export async function takeBlob(take) {
  const pieces = await inStores("readonly", (_, store) => store.index("take").getAll(take.id));
  return new Blob(pieces.map((piece) => piece.blob), { type: take.type });
}

/** Forget a take. */
export const removeTake = (take) =>
  inStores("readwrite", (takes, pieces) => {
    takes.delete(take.id);
    const cursor = pieces.index("take").openKeyCursor(take.id);
    cursor.onsuccess = () => {
      if (!cursor.result) return;
      pieces.delete(cursor.result.primaryKey);
      cursor.result.continue();
    };
  });

/** Name of the lock that a window holds while it records a take. */
export const lockOf = (take) => `take-${take.id}`;
