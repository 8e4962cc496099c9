/** The menu of downloads, and how they get into a file. */

import { byId } from "./elements.js";
import { atWork, say, tellError } from "./notices.js";
import { downloadAddress, getDownload, offers, originalAddress } from "./server.js";
import { t } from "./texts.js";

/** The roll on pages; with bars if they are shown on the screen. */
const ROLLS = ["roll.pdf", "roll.svg", "roll.png"];
/** Of these there may be several, which come in an archive: their names are not known before. */
const ONE_A_PAGE = ["roll.svg", "roll.png"];

/** Ends of names that are not the kind's own, and what a file is, for those who are given it. */
const ENDINGS = { "score.pdf": "pdf", wav: "piano.wav" };
const TYPES = { mid: "audio/midi", wav: "audio/wav", csv: "text/csv", json: "application/json",
  svg: "image/svg+xml", pdf: "application/pdf" };

const links = () => document.querySelectorAll("#download-menu [data-kind]");

/** Let the menu's addresses be those of a recording. */
export function offer({ id, name }) {
  for (const link of links()) {
    const { kind } = link.dataset;
    link.href = kind === "original" ? originalAddress(id) : downloadAddress(id, kind);
    link.ondragstart = (event) => carry(event, link.href, kind, name);
  }
}

/** Let a file be dragged out of the page to where it is wanted; Chromium alone can do that. */
export function carry(event, address, kind, name) {
  if (!offers.byAddress || ONE_A_PAGE.includes(kind)) return event.preventDefault();
  const [, stem, ending] = name.match(/^(.*?)(\.\w{1,5})?$/s);
  const saved = (kind === "original" ? name : `${stem}.${ENDINGS[kind] ?? kind}`).replace(/[<>:"/\\|?*]/g, "_");
  const type = TYPES[(ENDINGS[kind] ?? kind).split(".").at(-1)] ?? "application/octet-stream";
  event.dataTransfer.effectAllowed = "copy";
  event.dataTransfer.setData("DownloadURL", `${type}:${saved}:${new URL(address, location.href)}`);
}

export function closeMenu() {
  byId("download-menu").hidden = true;
  byId("download").setAttribute("aria-expanded", "false");
}

/** @param {import("./editor.js").Editor} editor the recording that is open */
export function bindDownloadMenu(editor) {
  for (const each of document.querySelectorAll("[data-offer]")) each.hidden = !offers[each.dataset.offer];
  const [opener, menu] = [byId("download"), byId("download-menu")];
  opener.addEventListener("click", () => {
    menu.hidden = !menu.hidden;
    opener.setAttribute("aria-expanded", String(!menu.hidden));
    if (!menu.hidden) menu.querySelector("a").focus();
  });
  menu.addEventListener("click", (event) => {
    const kind = event.target.closest("a")?.dataset.kind;
    if (kind && !(kind === "original" && offers.byAddress)) {
      event.preventDefault();
      download(editor, kind);
    }
    closeMenu();
    if (!event.target.closest("#continue")) opener.focus();
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
  menu.addEventListener("keydown", (event) => {
    const items = [...menu.querySelectorAll("a, button")].filter((each) => each.checkVisibility());
    const at = items.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: Math.max(at, 0) - 1, Home: 0, End: items.length - 1 }[event.key];
    if (to === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    items[(to + items.length) % items.length].focus();
  });
  menu.parentElement.addEventListener("focusout", (event) => {
    if (event.relatedTarget && !event.relatedTarget.closest(".menu")) closeMenu();
  });
}

/** Fetch a file of some kind and save it, after every change; errors are shown on the page. */
async function download({ id, edits, beats }, kind) {
  await edits.line;
  await takeAway(id, kind, ROLLS.includes(kind) && beats.shown ? { bars: true } : {});
}

/** Fetch a file of a recording and save it; making it can be stopped. */
export async function takeAway(id, kind, wanted = {}) {
  try {
    const { blob, name } = await atWork((signal) => getDownload(id, kind, signal, wanted));
    save(blob, name);
    say(t("take.saved", { name }));
  } catch (error) {
    tellError(error);
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
