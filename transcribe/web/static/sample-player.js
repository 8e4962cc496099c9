/** Plays one recording of the list at a time. */

import { setIcon } from "./elements.js";
import { tellError } from "./notices.js";
import { soundAddress } from "./server.js";

const audio = new Audio();
let button = null;

function stopped() {
  if (button) showOn(button, false);
  button = null;
}
audio.addEventListener("ended", stopped);
audio.addEventListener("pause", stopped);

function showOn(element, playing) {
  setIcon(element, playing ? "pause" : "play");
  element.setAttribute("aria-pressed", String(playing));
}

/** Play a recording from its start, or stop it, if this button plays it. */
export async function playSample(id, pressed) {
  const same = button === pressed;
  audio.pause();
  stopped();
  if (same) return;
  button = pressed;
  showOn(pressed, true);
  try {
    audio.src = await soundAddress(id);
    if (button === pressed) await audio.play();
  } catch (error) {
    if (button === pressed) stopped();
    if (error.name !== "AbortError") tellError(error);
  }
}

/** Play nothing any more. */
export function stopSample() {
  audio.pause();
  stopped();
}
