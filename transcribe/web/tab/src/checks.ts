/**
 * The engine's rooms, one by one, for tests that hold each to its Python original.
 *
 * `node checks.mjs` reads a list of questions from standard input, `[{"room", ...}]`, and writes
 * the list of answers. Arrays of numbers go as base64 of their bytes.
 */

import { CandidateReader, noCandidates, thresholdsOf } from "./decode/candidates";
import { Decoder } from "./decode/decoder";
import { LiveDecoder } from "./decode/live-decoder";
import { N_ACTIVATIONS } from "./decode/rolls";
import { findClicks } from "./engine/clicks";
import { Features } from "./engine/features";
import { lookAheadOf, suitedTo } from "./engine/live-transcriber";
import { SlidingWindow } from "./engine/live-window";
import { Mixdown } from "./engine/mixdown";
import { settingsOf } from "./engine/onnx-metadata";
import { type AudioWarning, mostSeriousFirst, sentenceOf } from "./engine/quality";
import { Resampler } from "./engine/resampler";
import { readSafetensors } from "./engine/safetensors";
import { samplesOf, SpectrogramTiles } from "./engine/spectrogram";
import { TuningMeter } from "./engine/tuning";
import { firstNeeded, type Window, Windows, type WindowState } from "./engine/windows";
import { inWords } from "./errors";
import { downloadName, shownName } from "./export/names";
import { midiBytes } from "./export/midi";
import { asSvg } from "./export/picture";
import { rollPages } from "./export/roll-pages";
import { thumbnail } from "./export/thumbnail";
import { csvText, jsonText, type Told } from "./export/text";
import { type Edit, excerptOf, openDatabase, type PedalChange } from "./library/database";
import { byHand, pedalByHand } from "./library/edits";
import { joined } from "./library/job";
import { asRow } from "./library/rows";
import { fixed, pythonFloat, roundHalfEven } from "./numbers";
import { type Note, type PedalPress, type Performance, sustained } from "./performance";
import { type DecodeSettings, type FeatureSettings, FrameGrid, type Settings, type WindowSettings } from "./settings";

const bytesOf = (text: string): ArrayBuffer => {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return bytes.buffer;
};
const floats = (text: string): Float32Array => new Float32Array(bytesOf(text));
const packed = (array: ArrayBufferView): string => {
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  let text = "";
  for (let i = 0; i < bytes.length; i += 1 << 14) {
    text += String.fromCharCode(...bytes.subarray(i, i + (1 << 14)));
  }
  return btoa(text);
};

/** Parts of an array that end at places, in steps of `width`, and the rest. */
function* parts(array: Float32Array, places: number[], width = 1): Generator<Float32Array> {
  let start = 0;
  for (const place of [...places, array.length / width]) {
    yield array.slice(start * width, place * width);
    start = place;
  }
}

const ROOMS: Record<string, (asked: any) => unknown> = {
  decode(asked: {
    rolls: string; parts: number[]; settings: DecodeSettings; floor: number; grid: [number, number];
    first?: number; between?: [number, number | null];
  }) {
    const grid = new FrameGrid(...asked.grid);
    const floor = Math.min(asked.floor, asked.settings.onset_threshold);
    const thresholds = thresholdsOf({ ...asked.settings, onset_threshold: floor });
    const first = asked.first ?? 0;
    const between: [number, number] = [asked.between?.[0] ?? 0, asked.between?.[1] ?? Infinity];
    let reader = new CandidateReader(thresholds, undefined, first, between);
    const found = [noCandidates(first)];
    for (const part of parts(floats(asked.rolls), asked.parts, N_ACTIVATIONS)) {
      found.push(reader.push(part));
      // As after a break: another reader goes on from what was kept.
      reader = new CandidateReader(thresholds, structuredClone(reader.state), first, between);
    }
    found.push(reader.finish());
    const decoder = new Decoder(grid, asked.settings);
    decoder.take(joined(found));
    decoder.finish();
    return {
      key: decoder.struck("key"),
      sustained: decoder.struck("sustained"),
      pedal: decoder.pedal,
      rows: decoder.struck("key").map(asRow),
    };
  },
  live(asked: { rolls: string; ahead: number; settings: DecodeSettings; grid: [number, number] }) {
    const decoder = new LiveDecoder(new FrameGrid(...asked.grid), asked.settings);
    const rolls = floats(asked.rolls);
    const nFrames = rolls.length / N_ACTIVATIONS;
    const events = [];
    for (let n = 1; n <= nFrames; n += 1) {
      events.push(...decoder.take(rolls.subarray(0, n * N_ACTIVATIONS), 0, n - asked.ahead));
    }
    events.push(...decoder.take(rolls, 0, nFrames), ...decoder.finish());
    return events;
  },
  latency: (asked: { latency: number; settings: DecodeSettings; grid: [number, number] }) => {
    const ahead = lookAheadOf(asked.latency, new FrameGrid(...asked.grid));
    return [ahead, suitedTo(ahead, asked.settings).onset_threshold];
  },
  /** What a network that gives back its frames sees in each run. */
  async window(asked: { samples: string; arrays: string; settings: FeatureSettings; size: number; parts: number[] }) {
    const network = { activations: async (frames: Float32Array) => frames };
    const arrays = readSafetensors(bytesOf(asked.arrays));
    const settings = { features: asked.settings } as Settings;
    const window = new SlidingWindow({ settings, arrays, network }, asked.size);
    const runs = [];
    for (const part of parts(floats(asked.samples), asked.parts)) {
      window.push(part);
      const { first, activations } = await window.run(window.nFrames);
      runs.push([first, packed(activations)]);
    }
    return runs;
  },
  features(asked: { samples: string; arrays: string; settings: FeatureSettings; parts: number[]; skip: number }) {
    const features = new Features(asked.settings, readSafetensors(bytesOf(asked.arrays)), asked.skip);
    const found = [...parts(floats(asked.samples), asked.parts)].map((part) => features.push(part));
    return [...found, features.finish()].map(packed);
  },
  spectrogram(asked: { samples: string; level: number; number: number }) {
    const all = floats(asked.samples);
    const { first, n } = samplesOf(asked.level, asked.number);
    const samples = Float32Array.from({ length: n }, (_, i) => all[first + i] ?? 0);
    return packed(new SpectrogramTiles().tile(samples, asked.level));
  },
  windows(asked: { frames: string; width: number; settings: WindowSettings; parts: number[] }) {
    const all = floats(asked.frames);
    const found: { frames: string; from: number; to: number; state: WindowState }[] = [];
    const gather = (windows: Windows, given: Iterable<Window>, to = found): void => {
      for (const { frames, from, to: until } of given) {
        to.push({ frames: packed(frames), from, to: until, state: windows.state });
      }
    };
    const windows = new Windows(asked.settings, asked.width);
    for (const part of parts(all, asked.parts, asked.width)) gather(windows, windows.push(part));
    gather(windows, windows.finish());
    // As after a break: others go on from the state after each window.
    const resumed = found.map(({ state }) => {
      const later: typeof found = [];
      const others = new Windows(asked.settings, asked.width, state);
      const rest = all.slice(firstNeeded(asked.settings, state) * asked.width);
      gather(others, others.push(rest), later);
      gather(others, others.finish(), later);
      return later;
    });
    return { found, resumed };
  },
  resampler(asked: { samples: string; from: number; to: number; parts: number[] }) {
    const resampler = new Resampler(asked.from, asked.to);
    const found = [...parts(floats(asked.samples), asked.parts)].map((part) => resampler.push(part));
    return [...found, resampler.push(new Float32Array(0), true)].map(packed);
  },
  mixdown(asked: { channels: string[]; rate: number; parts: number[]; takes: number }) {
    const mixdown = new Mixdown(asked.rate);
    const channels = asked.channels.map((each) => [...parts(floats(each), asked.parts)]);
    const found: Float32Array[] = [];
    (channels[0] as Float32Array[]).forEach((_, index) => {
      mixdown.push(channels.map((each) => each[index] as Float32Array));
      if (index % asked.takes === 0) found.push(mixdown.take());
    });
    found.push(mixdown.take());
    return { mono: found.map(packed), n_turned: mixdown.nTurned };
  },
  tuning(asked: { samples: string; rate: number; parts: number[] }) {
    const meter = new TuningMeter(asked.rate);
    for (const part of parts(floats(asked.samples), asked.parts)) meter.push(part);
    return [meter.cents, meter.sureCents];
  },
  clicks: (asked: { notes: Note[]; duration: number }) => findClicks(asked.notes, asked.duration),
  settings: (asked: { model: string }) => settingsOf(new Uint8Array(bytesOf(asked.model))),
  warnings: (asked: { warnings: AudioWarning[] }) =>
    mostSeriousFirst(asked.warnings).map((warning) => [warning.kind, sentenceOf(warning)]),
  sustained: (asked: Performance) => sustained(asked),
  midi: (asked: { performance: Performance; text: string }) => packed(midiBytes(asked.performance, asked.text)),
  csv: (asked: { performance: Performance }) => csvText(asked.performance),
  json: (asked: { performance: Performance; told: Told; part?: [number, number | null] }) =>
    jsonText(asked.performance, { ...asked.told, excerpt: excerptOf(asked) }),
  rollPages: (asked: { performance: Performance; title: string }) => rollPages(asked.performance, asked.title),
  svg: (asked: { performance: Performance; title: string }) => asSvg(asked.performance, asked.title),
  thumbnail: (asked: { notes: Note[]; duration: number }) => [...thumbnail(asked.notes, asked.duration)],
  pedal: (asked: { pedal: PedalPress[]; changes: PedalChange[] }) =>
    pedalByHand(
      asked.changes.map((pedal, step) => ({ step, recording: "", changes: [{ pedal }], undone: 0 })),
      asked.pedal,
    ),
  byHand: (asked: { steps: Edit[]; present: string[] }) =>
    Object.fromEntries(byHand(asked.steps, new Map(asked.present.map((id) => [id, null])))),
  async refusals(asked: { name: string }) {
    let n = 0;
    const open = (): never => {
      n += 1;
      throw new DOMException("", asked.name);
    };
    Object.assign(globalThis, { indexedDB: { open } });
    const { kind } = await openDatabase().then(() => ({ kind: "" }), inWords);
    return [kind, n];
  },
  names: (asked: { names: string[] }) =>
    asked.names.map((name) => [shownName(name), downloadName(name, ".mid"), shownName(name, ".mp3")]),
  numbers: (asked: { values: number[] }) =>
    asked.values.map((value) => [
      fixed(value, 4), fixed(value, 2), fixed(value, 0), pythonFloat(value), roundHalfEven(value),
    ]),
};

let text = "";
for await (const chunk of process.stdin) text += chunk;
const answers = await Promise.all(
  (JSON.parse(text) as { room: string }[]).map((asked) => {
    const room = ROOMS[asked.room];
    if (!room) throw new Error(`there is no room ${asked.room}`);
    return room(asked);
  }),
);
process.stdout.write(JSON.stringify(answers, (_, value: unknown) => (Number.isNaN(value) ? "NaN" : value)));
