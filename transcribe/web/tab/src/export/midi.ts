/** A performance as the bytes of a MIDI file: what `transcribe/midi.py` writes. */

import { roundHalfEven } from "../numbers";
import { durationOf, type Note, type PedalPress, type Performance, withoutOverlaps } from "../performance";

const SUSTAIN_CONTROLLER = 64;
const QUARTERS_A_MINUTE = 120;
/** Ticks a quarter note; the finest that fits is taken. */
const RESOLUTIONS = [960, 480, 384, 240, 192, 96, 48, 24];
const MOST_TICKS = 9_990_000;
const NOTE_ON = 0x90;
const CONTROL = 0xb0;
const TEXT = 0x01;
const TRACK_NAME = 0x03;

type MidiEvent = [tick: number, bytes: number[]];

export function midiBytes(performance: Performance, text: string): Uint8Array<ArrayBuffer> {
  const duration = durationOf(performance);
  const resolution =
    RESOLUTIONS.find((each) => (duration * each * QUARTERS_A_MINUTE) / 60 < MOST_TICKS) ??
    (RESOLUTIONS.at(-1) as number);
  const { notes, pedal } = quantised(performance, (resolution * QUARTERS_A_MINUTE) / 60);
  const events: MidiEvent[] = [];
  for (const press of pedal) {
    events.push([press.onset, [CONTROL, SUSTAIN_CONTROLLER, 127]]);
    events.push([press.offset, [CONTROL, SUSTAIN_CONTROLLER, 0]]);
  }
  for (const note of notes) {
    events.push([note.onset, [NOTE_ON, note.pitch, note.velocity]]);
    events.push([note.offset, [NOTE_ON, note.pitch, 0]]); // a release is a strike of velocity 0
  }
  // Of one tick the pedal first, up before down; of one key the release before the strike.
  const kind = ([, bytes]: MidiEvent): number => (bytes[0] === CONTROL ? 0 : 1);
  events.sort(
    (a, b) =>
      a[0] - b[0] ||
      kind(a) - kind(b) ||
      (a[1][1] as number) - (b[1][1] as number) ||
      (a[1][2] as number) - (b[1][2] as number),
  );
  const head: MidiEvent[] = [
    [0, [0xff, 0x51, 3, 0x07, 0xa1, 0x20]],
    [0, [0xff, 0x58, 4, 4, 2, 24, 8]],
    [0, textEvent(TEXT, text)],
  ];
  const piano: MidiEvent[] = [[0, textEvent(TRACK_NAME, "Piano")], [0, [0xc0, 0]], ...events];
  const chunks = [chunk(head), chunk(piano)];
  const header = [..."MThd"].map((letter) => letter.charCodeAt(0));
  header.push(0, 0, 0, 6, 0, 1, 0, chunks.length, resolution >> 8, resolution & 0xff);
  const file = new Uint8Array(header.length + chunks.reduce((sum, each) => sum + each.length, 0));
  file.set(header);
  let place = header.length;
  for (const each of chunks) {
    file.set(each, place);
    place += each.length;
  }
  return file;
}

/** Whole ticks for seconds; nothing overlaps or is empty. */
function quantised(performance: Performance, ticksASecond: number): Performance {
  const notes = performance.notes.map((note): Note => {
    const onset = roundHalfEven(note.onset * ticksASecond);
    return { ...note, onset, offset: Math.max(roundHalfEven(note.offset * ticksASecond), onset + 1) };
  });
  const pedal: PedalPress[] = [];
  let up = 0;
  for (const press of performance.pedal) {
    const down = Math.max(roundHalfEven(press.onset * ticksASecond), up);
    up = Math.max(roundHalfEven(press.offset * ticksASecond), down + 1);
    pedal.push({ onset: down, offset: up });
  }
  return { notes: withoutOverlaps(notes), pedal };
}

/** A meta event of text; outside Latin-1, characters become question marks. */
function textEvent(kind: number, text: string): number[] {
  const bytes = [...text].map((letter) => {
    const code = letter.codePointAt(0) as number;
    return code < 256 ? code : 0x3f;
  });
  return [0xff, kind, ...variableLength(bytes.length), ...bytes];
}

function chunk(events: MidiEvent[]): Uint8Array {
  const data: number[] = [];
  let [now, running] = [0, 0];
  for (const [tick, bytes] of events) {
    const status = bytes[0] as number;
    data.push(...variableLength(tick - now), ...(status === running ? bytes.slice(1) : bytes));
    running = status < 0xf0 ? status : 0;
    now = tick;
  }
  data.push(1, 0xff, 0x2f, 0);
  const whole = new Uint8Array(8 + data.length);
  whole.set([..."MTrk"].map((letter) => letter.charCodeAt(0)));
  new DataView(whole.buffer).setUint32(4, data.length);
  whole.set(data, 8);
  return whole;
}

function variableLength(number: number): number[] {
  const septets = [number & 0x7f];
  for (let rest = number >>> 7; rest; rest >>>= 7) septets.unshift((rest & 0x7f) | 0x80);
  return septets;
}
