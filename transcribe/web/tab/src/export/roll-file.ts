/**
 * The roll on pages as files: what `transcribe/web/roll_file.py` makes of them, but for PDF.
 *
 * Pictures are drawn by the page, because workers can't draw SVG.
 */

import { zipSync } from "fflate";
import { downloadName } from "./names";

/** Pixels of a page of A4 at 200 dots an inch. */
const [WIDTH, HEIGHT] = [1654, 2339];
/** The time of files in an archive: the same notes make the same bytes. */
const TIME = new Date(1980, 0, 1);

/** A file to be taken away; of several pages, an archive of one each. */
export async function rollFile(
  pages: string[],
  ending: "svg" | "png",
  recording: string,
  signal?: AbortSignal,
): Promise<{ blob: Blob; name: string }> {
  const files: Uint8Array<ArrayBuffer>[] = [];
  for (const page of pages) {
    signal?.throwIfAborted();
    files.push(ending === "svg" ? new TextEncoder().encode(page) : await drawn(page));
  }
  if (files.length === 1) {
    const type = ending === "svg" ? "image/svg+xml" : "image/png";
    return { blob: new Blob(files, { type }), name: downloadName(recording, `.roll.${ending}`) };
  }
  const digits = String(files.length).length;
  const named = files.map((data, index): [string, Uint8Array] => {
    const number = String(index + 1).padStart(digits, "0");
    return [downloadName(recording, `.roll-${number}.${ending}`), data];
  });
  const level = ending === "svg" ? 6 : 0; // PNG is packed already
  const archive = zipSync(Object.fromEntries(named), { level, mtime: TIME });
  return {
    blob: new Blob([new Uint8Array(archive)], { type: "application/zip" }),
    name: downloadName(recording, `.roll-${ending}.zip`),
  };
}

/** A page as PNG. */
async function drawn(page: string): Promise<Uint8Array<ArrayBuffer>> {
  const address = URL.createObjectURL(new Blob([page], { type: "image/svg+xml" }));
  try {
    const image = new Image();
    image.src = address;
    await image.decode();
    const canvas = Object.assign(document.createElement("canvas"), { width: WIDTH, height: HEIGHT });
    canvas.getContext("2d")?.drawImage(image, 0, 0, WIDTH, HEIGHT);
    const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve));
    if (!blob) throw new Error("the browser did not draw a page of the roll");
    return new Uint8Array(await blob.arrayBuffer());
  } finally {
    URL.revokeObjectURL(address);
  }
}
