/**
 * What an encoder puts before the music, where neither container nor decoder cut it away.
 *
 * As `transcribe/audio/reader.py`: an mp3 file says it in a tag (LAME's); where nothing says it,
 * the least that such an encoder adds is taken.
 */

/** Samples that every mp3 decoder is late, and what the least of the encoders adds. */
const MP3_DECODER = 529;
const MP3_DELAY = 1105;
/** Samples of a frame of aac. */
const AAC_FRAME = 1024;
/** Seconds; a container that tells of an encoder's warm-up begins more than this before zero. */
const LEAST_CUT = 0.001;
const LONGEST_HEAD = 1 << 12;

export interface EncoderDelay {
  /** Samples to be cut away at the beginning. */
  start: number;
  /** Samples of the music in all, if the file says it. */
  total: number | null;
}

/**
 * @param timestamp seconds of the first decoded sample, as the container tells it
 */
export async function encoderDelay(
  file: Blob,
  codec: string | null,
  timestamp: number,
): Promise<EncoderDelay> {
  if (codec === "mp3") {
    const told = await lameTag(file);
    if (told) return told;
    if (Math.abs(timestamp) <= LEAST_CUT) return { start: MP3_DELAY, total: null };
  }
  if (codec === "aac" && Math.abs(timestamp) <= LEAST_CUT) return { start: AAC_FRAME, total: null };
  return { start: 0, total: null };
}

/** What the tag in the first frame of an mp3 file says; null for none. */
async function lameTag(file: Blob): Promise<EncoderDelay | null> {
  let head = new DataView(await file.slice(0, LONGEST_HEAD).arrayBuffer());
  if (textAt(head, 0, 3) === "ID3" && head.byteLength >= 10) {
    const size = [6, 7, 8, 9].reduce((sum, place) => sum * 128 + (head.getUint8(place) & 0x7f), 0);
    head = new DataView(await file.slice(10 + size, 10 + size + LONGEST_HEAD).arrayBuffer());
  }
  for (let place = 0; place + 4 <= head.byteLength; place += 1) {
    if ((head.getUint16(place) & 0xffe0) !== 0xffe0) continue;
    const [version, channels] = [(head.getUint8(place + 1) >> 3) & 3, head.getUint8(place + 3) >> 6];
    const isFirst = version === 3;
    const mono = channels === 3;
    const tag = place + 4 + (isFirst ? (mono ? 17 : 32) : mono ? 9 : 17);
    return readTag(head, tag, isFirst ? 1152 : 576);
  }
  return null;
}

function readTag(head: DataView, tag: number, samplesAFrame: number): EncoderDelay | null {
  if (!["Xing", "Info"].includes(textAt(head, tag, 4)) || tag + 144 > head.byteLength) return null;
  const flags = head.getUint32(tag + 4);
  let place = tag + 8;
  const nFrames = flags & 1 ? head.getUint32(place) : null;
  for (const [flag, size] of [[1, 4], [2, 4], [4, 100], [8, 4]] as const) {
    if (flags & flag) place += size;
  }
  if (place + 24 > head.byteLength || !/^(LAME|Lavf|Lavc)/.test(textAt(head, place, 4))) return null;
  const bits = (head.getUint8(place + 21) << 16) | head.getUint16(place + 22);
  const [before, after] = [bits >> 12, bits & 0xfff];
  const total = nFrames ? nFrames * samplesAFrame - before - after : null;
  return { start: before + MP3_DECODER, total: total !== null && total > 0 ? total : null };
}

function textAt(view: DataView, place: number, length: number): string {
  if (place + length > view.byteLength) return "";
  return String.fromCharCode(...new Uint8Array(view.buffer, view.byteOffset + place, length));
}
