/**
 * The pairs of strings that an ONNX file carries: its settings and its name.
 *
 * An ONNX file is one message of Protocol Buffers, a sequence of numbered fields; see
 * `transcribe/files/onnx_model.py`. The runtime for browsers does not tell of these.
 */

import type { DecodeSettings, FeatureSettings, Settings, WindowSettings } from "../settings";

const METADATA = 14;
const KEY = 1;
const VALUE = 2;
const VARINT = 0;
const FIXED_64 = 1;
const BYTES = 2;
const FIXED_32 = 5;
/** What weights that were written before these were settings mean. */
const UNSAID = { velocity_tilt: 0 };

/** What the weights say of themselves; throws where these bytes are no weights of this program. */
export function settingsOf(content: Uint8Array): Settings {
  const said = metadataOf(content);
  const parsed = <T>(name: string): T => {
    const text = said.get(name);
    if (text === undefined) throw new Error(`the weights carry no ${name} settings`);
    return JSON.parse(text) as T;
  };
  return {
    name: `${said.get("name") ?? "unnamed"} ${said.get("version") ?? ""}`.trim(),
    features: parsed<FeatureSettings>("features"),
    windows: parsed<WindowSettings>("windows"),
    decode: { ...UNSAID, ...parsed<DecodeSettings>("decode") },
  };
}

/** All pairs of strings in an ONNX file. */
export function metadataOf(content: Uint8Array): Map<string, string> {
  const found = new Map<string, string>();
  const text = new TextDecoder();
  for (const [number, value] of fields(content)) {
    if (number !== METADATA) continue;
    const pair = new Map(fields(value));
    found.set(text.decode(pair.get(KEY)), text.decode(pair.get(VALUE)));
  }
  return found;
}

function* fields(message: Uint8Array): Generator<[number, Uint8Array]> {
  let place = 0;
  const varint = (): number => {
    let value = 0;
    for (let index = 0; index < 10; index += 1) {
      const byte = message[place];
      if (byte === undefined) throw new Error(`it ends after ${message.length} bytes`);
      place += 1;
      value += (byte & 0x7f) * 2 ** (7 * index);
      if (byte < 0x80) return value;
    }
    throw new Error(`byte ${place} begins no number`);
  };
  while (place < message.length) {
    const tag = varint();
    const kind = tag & 7;
    let size = 0;
    if (kind === VARINT) varint();
    else if (kind === BYTES) size = varint();
    else if (kind === FIXED_64 || kind === FIXED_32) size = kind === FIXED_64 ? 8 : 4;
    else throw new Error(`byte ${place - 1} begins no field`);
    if (place + size > message.length) throw new Error("it ends within a field");
    yield [Math.floor(tag / 8), message.subarray(place, place + size)];
    place += size;
  }
}
