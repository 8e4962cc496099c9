/** The page itself: which of its two views is shown, and what is put into it from outside. */

import { button, byId, make, placeIcons } from "./elements.js";
import { bindKeys, writeHelp } from "./keys.js";
import { Microphone } from "./microphone.js";
import { ask, tellError } from "./notices.js";
import { pageOf, Recordings } from "./recordings.js";
import { connection } from "./server.js";
import { Studio } from "./editor.js";
import { bindTakeAway, closeMenu } from "./download-menu.js";
import { removeTake, takeBlob, unfinishedTakes } from "./recordings-store.js";
import { Uploads } from "./uploads.js";
import { clock } from "./words.js";

placeIcons();
writeHelp();

const recordings = new Recordings();
const studio = new Studio();
const uploads = new Uploads({
  limit: () => recordings.limits?.upload_bytes,
  changed: () => recordings.showEmpty(),
  arrived: (recording, alone) => {
    recordings.show(recording);
    if (alone && !location.hash) location.hash = pageOf(recording.id);
  },
});
const microphone = new Microphone((take) => transcribeTake(take));

/** Show what the address asks for. */
async function route() {
  const [, id] = location.hash.match(/^#\/recording\/(.+)$/) ?? [];
  byId("home").hidden = Boolean(id);
  byId("studio").hidden = !id;
  closeMenu();
  if (id) {
    recordings.close();
    byId("name").textContent = "";
    byId("name").focus();
    await studio.open(decodeURIComponent(id));
  } else {
    studio.close();
    document.title = "transcribe";
    await recordings.open();
    await showUnfinished();
  }
}

function putIn(files) {
  if (!files.length) return;
  if (location.hash) location.hash = "";
  uploads.add(files);
}

async function transcribeTake(take) {
  try {
    const blob = await takeBlob(take);
    const [arrived] = uploads.add([new File([blob], take.name, { type: take.type })]);
    if (await arrived) await removeTake(take);
  } catch (error) {
    tellError(error);
  }
  await showUnfinished();
}

/** List what was recorded when the page was closed, or could not be sent. */
async function showUnfinished() {
  const takes = microphone.recording || uploads.active ? [] : await unfinishedTakes();
  const throwAway = async (take) => {
    if (await ask(`Throw “${take.name}” away?`, "Throw away")) await removeTake(take);
    await showUnfinished();
  };
  const cards = takes.map((take) =>
    make(
      "li",
      { class: "card" },
      make("h3", {}, take.name),
      make("p", { class: "what" }, `${clock(take.seconds)} were recorded and kept.`),
      make(
        "div",
        { class: "actions" },
        button("Transcribe it", "file", () => transcribeTake(take), { class: "plain" }),
        button("Throw away", "bin", () => throwAway(take), { class: "plain" }),
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
    putIn([...input.files]);
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
  addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    show(-inside);
    putIn([...event.dataTransfer.files]);
  });
}

function bindConnection() {
  connection.addEventListener("lost", () => (byId("lost").hidden = false));
  connection.addEventListener("back", () => {
    byId("lost").hidden = true;
    if (studio.id) studio.refresh();
    else recordings.refresh();
  });
}

for (const opener of document.querySelectorAll("[data-help]")) {
  opener.addEventListener("click", () => studio.actions.help());
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
bindTakeAway(studio);
bindConnection();
bindKeys(studio.actions, () => !byId("studio").hidden);
route();
