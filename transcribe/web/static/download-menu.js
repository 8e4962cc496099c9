/** The menu of downloads, and how they get into a file. */

import { byId } from "./elements.js";
import { say, tell, tellError } from "./notices.js";
import { downloadAddress, getDownload, offers, originalAddress } from "./server.js";

/** Milliseconds after which making a file is worth a word. */
const SLOW = 1500;

/** Downloads that what is known of the piece changes. */
const SHEETS = new Set(["musicxml", "score.pdf"]);

const links = () => document.querySelectorAll("#download-menu [data-kind]");

/** Let the menu's addresses be those of a recording. */
export function offer(id) {
  byId("download-score").hidden = !offers.score;
  for (const link of links()) {
    const { kind } = link.dataset;
    link.hidden = kind === "continued.mid" && !offers.continued;
    link.href = kind === "original" ? originalAddress(id) : downloadAddress(id, kind);
  }
}

export function closeMenu() {
  byId("download-menu").hidden = true;
  byId("download").setAttribute("aria-expanded", "false");
}

/** @param {import("./editor.js").Editor} editor the recording that is open */
export function bindDownloadMenu(editor) {
  const [opener, menu] = [byId("download"), byId("download-menu")];
  opener.addEventListener("click", () => {
    menu.hidden = !menu.hidden;
    opener.setAttribute("aria-expanded", String(!menu.hidden));
    if (!menu.hidden) menu.querySelector("a").focus();
  });
  menu.addEventListener("click", (event) => {
    const kind = event.target.closest("a")?.dataset.kind;
    if (kind && !(kind === "original" && offers.originalByAddress)) {
      event.preventDefault();
      download(editor, kind);
    }
    closeMenu();
    opener.focus();
  });
  byId("download-png").addEventListener("click", () => savePicture(editor));
  document.addEventListener("pointerdown", (event) => {
    if (!event.target.closest(".menu")) closeMenu();
  });
  menu.parentElement.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || menu.hidden) return;
    event.stopPropagation();
    closeMenu();
    opener.focus();
  });
  menu.parentElement.addEventListener("focusout", (event) => {
    if (event.relatedTarget && !event.relatedTarget.closest(".menu")) closeMenu();
  });
}

/** Fetch a file of some kind and save it; errors are shown on the page. */
async function download({ id, edits, score }, kind) {
  const slow = setTimeout(() => tell("Preparing the file; this may take a moment."), SLOW);
  try {
    await edits.line; // every change is in the file
    const { blob, name } = await getDownload(id, kind, SHEETS.has(kind) ? score.wishes : {});
    save(blob, name);
    say(`Saved as ${name}`);
  } catch (error) {
    tellError(error);
  } finally {
    clearTimeout(slow);
  }
}

/** Save the picture of what is in view. */
function savePicture({ recording, roll }) {
  const name = `${recording.name.replace(/\.[^.]*$/, "")}.png`;
  roll.picture().toBlob((blob) => save(blob, name));
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
