/** The page itself: which of its two views is shown, and what comes in from outside. */

import { button, byId, make, placeIcons } from "./elements.js";
import { bindKeys, writeHelp } from "./keys.js";
import { Microphone } from "./microphone.js";
import { ask, clearNotices, tell, tellError } from "./notices.js";
import { bindPrinting } from "./printing.js";
import { pageOf, Recordings } from "./recordings.js";
import { connection, quit } from "./server.js";
import { Editor } from "./editor.js";
import { bindDownloadMenu, closeMenu } from "./download-menu.js";
import { droppedFiles } from "./dropped.js";
import { discardRecording, recordingBlob, unfinishedRecordings } from "./recordings-store.js";
import { loadTexts, t } from "./texts.js";
import { Uploads } from "./uploads.js";
import { clock } from "./words.js";

await loadTexts();
placeIcons();
writeHelp();

const recordings = new Recordings();
const editor = new Editor();
const uploads = new Uploads({
  limit: () => recordings.limits?.upload_bytes,
  changed: () => recordings.showEmpty(),
  arrived: (recording, alone) => {
    recordings.show(recording);
    if (alone && !location.hash) location.hash = pageOf(recording.id);
  },
});
const microphone = new Microphone((recording) => transcribeUnfinished(recording));

/** Id of the recording that the address asks for, if any. */
function asked() {
  const [, id] = location.hash.match(/^#\/recording\/(.+)$/) ?? [];
  try {
    return id && decodeURIComponent(id);
  } catch {
    return id; // cut off within a letter: there is no such recording, which is said
  }
}

/** Show what the address asks for. */
async function route() {
  const id = asked();
  const left = editor.id;
  byId("home").hidden = Boolean(id);
  byId("editor").hidden = !id;
  document.body.classList.toggle("editing", Boolean(id));
  clearNotices();
  closeMenu();
  if (id) {
    recordings.close();
    byId("name").textContent = "";
    byId("name").focus();
    await editor.open(id);
  } else {
    editor.close();
    await recordings.open();
    if (left && !document.activeElement?.closest("main:not([hidden])")) recordings.focus(left);
    await showUnfinished();
  }
}

function addFiles(files) {
  if (!files.length) return;
  if (location.hash) location.hash = "";
  uploads.add(files);
}

async function transcribeUnfinished(recording) {
  try {
    const blob = await recordingBlob(recording);
    const [arrived] = uploads.add([new File([blob], recording.name, { type: recording.type })]);
    if (await arrived) await discardRecording(recording);
  } catch (error) {
    tellError(error);
  }
  await showUnfinished();
}

/** List what was recorded when the page was closed, or could not be sent. */
async function showUnfinished() {
  const unfinished = microphone.recording || uploads.active ? [] : await unfinishedRecordings();
  const discard = async (recording) => {
    if (await ask(t("unfinished.discard", { name: recording.name }), t("discard"))) await discardRecording(recording);
    await showUnfinished();
  };
  const cards = unfinished.map((recording) =>
    make(
      "li",
      { class: "card" },
      make("h3", {}, recording.name),
      make("p", { class: "what" }, t("unfinished.time", { time: clock(recording.seconds) })),
      make(
        "div",
        { class: "actions" },
        button(t("unfinished.transcribe"), "file", () => transcribeUnfinished(recording), { class: "plain" }),
        button(t("discard"), "bin", () => discard(recording), { class: "plain" }),
      ),
    ),
  );
  byId("unfinished-list").replaceChildren(...cards);
  byId("unfinished").hidden = !cards.length;
}

function bindFiles() {
  const input = byId("files");
  byId("choose-files").addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    addFiles([...input.files]);
    input.value = "";
  });
  let inside = 0;
  const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
  const show = (by) => {
    inside = Math.max(0, inside + by);
    byId("drop").hidden = !inside;
  };
  addEventListener("dragenter", (event) => carriesFiles(event) && show(1));
  addEventListener("dragleave", (event) => carriesFiles(event) && show(-1));
  addEventListener("dragover", (event) => carriesFiles(event) && event.preventDefault());
  addEventListener("drop", async (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    show(-inside);
    try {
      const files = await droppedFiles(event.dataTransfer, recordings.limits?.endings);
      if (!files.length) tell(t("drop.none"));
      addFiles(files);
    } catch (error) {
      tellError(error);
    }
  });
}

function bindConnection() {
  connection.addEventListener("lost", () => (byId("lost").hidden = false));
  connection.addEventListener("back", () => {
    byId("lost").hidden = true;
    byId("lost-words").textContent = t("lost.gone");
    if (editor.id) editor.refresh();
    else recordings.refresh();
  });
}

byId("quit").addEventListener("click", async () => {
  if (!(await ask(t("quit.ask"), t("quit")))) return;
  try {
    await quit();
    byId("lost-words").textContent = t("lost.ended");
    byId("lost").hidden = false;
  } catch (error) {
    tellError(error);
  }
});
for (const opener of document.querySelectorAll("[data-help]")) {
  opener.addEventListener("click", () => editor.actions.help());
}
byId("help").addEventListener("click", (event) => {
  if (event.target === byId("help")) byId("help").close();
});
byId("skip").addEventListener("click", (event) => {
  event.preventDefault();
  byId("main").focus();
});
addEventListener("beforeunload", (event) => {
  if (uploads.active || microphone.recording) event.preventDefault();
});
addEventListener("hashchange", route);
// The address that lets a phone in holds a token, which nobody needs to see again.
if (location.search) history.replaceState(null, "", location.pathname + location.hash);
bindFiles();
bindDownloadMenu(editor);
bindPrinting(editor);
bindConnection();
bindKeys(editor.actions, () => !byId("editor").hidden);
route();
