/** On paper: the whole roll, or the score, on pages of A4, in place of what is on the screen. */

import { byId, make } from "./elements.js";
import { atWork, tellError } from "./notices.js";
import { getPages } from "./server.js";

/** Print what is shown: the score where it is, otherwise the roll, by bars if those are shown. */
export async function printPages({ id, edits, beats, score }) {
  const wanted = !score.shown && beats.shown ? { bars: true } : {};
  try {
    await edits.line;
    await atWork(async (signal) => {
      const pages = await getPages(id, score.shown ? "score" : "roll", wanted, signal);
      await lay(pages);
    });
    document.body.classList.add("on-paper");
    print();
  } catch (error) {
    tellError(error);
  }
}

/** Put pages where only the printer sees them; as pictures, which keep their styles to themselves. */
async function lay(pages) {
  const images = pages.map((page) => {
    const src = URL.createObjectURL(new Blob([page], { type: "image/svg+xml" }));
    return make("img", { src, alt: "" });
  });
  byId("paper").replaceChildren(...images);
  await Promise.all(images.map((image) => image.decode()));
}

/** What is left when it is printed, or not. */
export function bindPrinting(editor) {
  byId("print").addEventListener("click", () => printPages(editor));
  addEventListener("beforeprint", () => colour(editor, true));
  addEventListener("afterprint", () => {
    colour(editor, false);
    document.body.classList.remove("on-paper");
    for (const image of byId("paper").children) URL.revokeObjectURL(image.src);
    byId("paper").replaceChildren();
  });
}

/** Draw what is on the screen as light as paper is, or as it was. */
function colour({ roll, falling }, light) {
  document.documentElement.classList.toggle("prints", light);
  roll.recolour();
  roll.draw();
  falling.draw();
  if (light) for (const { canvas } of [roll.music, roll.top, falling]) settle(canvas);
}

/** Draw a canvas anew by one step: Chromium prints no more of one than what was drawn to it last. */
function settle(canvas) {
  const { width, height } = canvas;
  if (!width || !height) return;
  const copy = Object.assign(document.createElement("canvas"), { width, height });
  copy.getContext("2d").drawImage(canvas, 0, 0);
  const context = canvas.getContext("2d");
  context.getImageData(0, 0, 1, 1); // what is still to be drawn is drawn by this
  context.save();
  context.resetTransform();
  context.globalCompositeOperation = "copy";
  context.drawImage(copy, 0, 0);
  context.restore();
}
