/** Words about the page: what is kept in this browser, and what it is made of. */

import { button, byId, make } from "../../static/elements.js";
import { ask, tell, tellError } from "../../static/notices.js";
import { clearLibrary, listRecordings } from "./server";

const KEEPING =
  "Recordings and notes are kept in this browser until you delete them. A private window forgets " +
  "them when it is closed.";

/** A line below the list of recordings, with what leads to more. */
export function showAbout(): void {
  const dialog = make(
    "dialog",
    { id: "about", "aria-labelledby": "about-title" },
    make(
      "form",
      { method: "dialog" },
      make("button", { class: "plain corner", value: "close", "aria-label": "Close" }, "×"),
    ),
    make("h2", { id: "about-title" }, "About this page"),
    make(
      "p",
      {},
      "transcribe turns piano recordings into notes, here in your browser. Recordings and notes " +
        "stay on this device: this page sends nothing anywhere, and after the first visit it " +
        "works without a network.",
    ),
    make("p", {}, "It is made of:"),
    make("ul", { id: "about-parts" }),
    make("p", {}, make("a", { href: "licences.txt" }, "All licences in full")),
  ) as HTMLDialogElement;
  document.body.append(dialog);
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  const open = async (): Promise<void> => {
    dialog.showModal();
    const parts = byId("about-parts");
    if (parts.children.length) return;
    const answer = await fetch(new URL("licences.json", document.baseURI)).catch(() => null);
    const listed = answer?.ok ? ((await answer.json()) as { name: string; does: string; licence: string }[]) : [];
    parts.append(...listed.map(({ name, does, licence }) => make("li", {}, `${name}: ${does} (${licence})`)));
  };
  const line = make(
    "p",
    { class: "actions", id: "about-line" },
    button("About this page", "help", () => void open(), { class: "plain small" }),
    button("Delete everything kept here", "bin", () => void clearAll(), { class: "plain small" }),
  );
  byId("disk").after(make("p", { class: "quiet small" }, KEEPING), line);
}

async function clearAll(): Promise<void> {
  const { recordings } = (await listRecordings()) as { recordings: unknown[] };
  if (!recordings.length) return void tell("Nothing is kept here.");
  const question =
    `Delete all ${recordings.length} recordings with their notes and all your changes? This can't be undone.`;
  if (!(await ask(question, "Delete everything"))) return;
  try {
    await clearLibrary();
    tell("Everything was deleted.");
  } catch (error) {
    tellError(error);
  }
}

/** Say whether recordings will be here next time, and ask the browser to keep them. */
export async function showStorage(): Promise<void> {
  byId("formats").textContent =
    "You can also drop files anywhere on this page: WAV, MP3, M4A, FLAC, OGG, OPUS, WEBM or the " +
    "sound of MP4 and MOV videos. Nothing leaves this device.";
  if (await isPrivate()) {
    const words =
      "This seems to be a private window: what you do here is forgotten when it is closed. " +
      "Download what you want to keep.";
    byId("list-section").prepend(make("p", { class: "warning", id: "private" }, words));
    return;
  }
  if (navigator.storage?.persist) await navigator.storage.persist().catch(() => false);
}

/**
 * As far as a page can tell: in private windows Firefox and Safari refuse this folder. Chromium
 * tells no page, so what a private window does is always said below the list.
 */
async function isPrivate(): Promise<boolean> {
  if (!isSecureContext) return false;
  return navigator.storage.getDirectory().then(
    () => false,
    () => true,
  );
}
