/** The menu of what can be taken away, and how it gets into a file. */

import { byId } from "./elements.js";
import { say, tell, tellError } from "./notices.js";
import { downloadAddress, getDownload, originalAddress } from "./server.js";

/** Milliseconds after which making a file is worth a word. */
const SLOW = 1500;

const links = () => document.querySelectorAll("#take-menu [data-kind]");

/** Let the menu's addresses be those of a recording. */
export function offer(id) {
  for (const link of links()) {
    const { kind } = link.dataset;
    link.href = kind === "original" ? originalAddress(id) : downloadAddress(id, kind);
  }
}

export function closeMenu() {
  byId("take-menu").hidden = true;
  byId("take").setAttribute("aria-expanded", "false");
}

/** @param {import("./editor.js").Studio} studio the recording that is open */
export function bindTakeAway(studio) {
  const [opener, menu] = [byId("take"), byId("take-menu")];
  opener.addEventListener("click", () => {
    menu.hidden = !menu.hidden;
    opener.setAttribute("aria-expanded", String(!menu.hidden));
    if (!menu.hidden) menu.querySelector("a").focus();
  });
  menu.addEventListener("click", (event) => {
    const kind = event.target.closest("a")?.dataset.kind;
    if (kind && kind !== "original") {
      event.preventDefault();
      takeAway(studio.id, kind);
    }
    closeMenu();
    opener.focus();
  });
  byId("take-png").addEventListener("click", () => savePicture(studio));
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

/** Fetch a file of some kind and save it; what goes wrong is said on the page. */
async function takeAway(id, kind) {
  const slow = setTimeout(() => tell("It is being made; this may take a little."), SLOW);
  try {
    const { blob, name } = await getDownload(id, kind);
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
