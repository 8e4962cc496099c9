/** Files of the site that the engine needs, fetched once and unpacked here. */

import { notLoaded } from "../errors";

const GZIP = [0x1f, 0x8b];

/**
 * A file of the site; if it is packed with gzip, what is in it.
 *
 * Large files are packed in advance, as not every web host does. One that says so in a header
 * has the browser unpack them, so what comes decides.
 */
export async function fetchAsset(address: string | URL): Promise<ArrayBuffer> {
  const answer = await fetch(address).catch(() => null);
  if (!answer?.ok) throw notLoaded();
  const content = await answer.arrayBuffer();
  const start = new Uint8Array(content, 0, Math.min(2, content.byteLength));
  if (!GZIP.every((byte, index) => start[index] === byte)) return content;
  const unpacked = new Blob([content]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(unpacked).arrayBuffer();
}
