/** The sound that was decoded of recordings: as a waveform, a file, a spectrogram. */

import { samplesOf, SpectrogramTiles } from "../engine/spectrogram";
import { notYet } from "../errors";
import { WAV_HEADER, wavHeader } from "../export/wav";
import { type Database, type Entry, PAIRS_PER_SECOND, piecesOf } from "./database";

export interface Waveform {
  /** The lowest and the highest sample of each stretch. */
  pairs: Int8Array;
  perSecond: number;
}

export class KeptSound {
  /** The waveform that was asked for last, and the number of its next piece. */
  private latest: { name: string; pairs: Int8Array; next: number } | null = null;
  private tiles: SpectrogramTiles | null = null;

  constructor(private readonly database: Database) {}

  /** The waveform as far as there is one; of a recording in work only what is new is read. */
  async waveform({ id, attempt }: Entry): Promise<Waveform> {
    const name = `${id} ${attempt}`;
    const { pairs: before, next } =
      this.latest?.name === name ? this.latest : { pairs: new Int8Array(0), next: 0 };
    const pieces = await this.database.getAll("heard", piecesOf(id, attempt, next));
    const pairs = new Int8Array(pieces.reduce((sum, piece) => sum + piece.waveform.length, before.length));
    pairs.set(before);
    let place = before.length;
    for (const { waveform } of pieces) {
      pairs.set(waveform, place);
      place += waveform.length;
    }
    this.latest = { name, pairs, next: next + pieces.length };
    return { pairs, perSecond: PAIRS_PER_SECOND };
  }

  /** What was decoded, as far as it is: a wav file, mono, of 16 bits. */
  async file(entry: Entry): Promise<Blob> {
    const pieces = await this.database.getAll("heard", piecesOf(entry.id, entry.attempt));
    const parts = pieces.map((piece) => piece.sound);
    if (!parts.length) throw notYet(404);
    const nBytes = parts.reduce((sum, part) => sum + part.size, 0);
    return new Blob([wavHeader(entry.sample_rate, nBytes), ...parts], { type: "audio/wav" });
  }

  /** A tile of the spectrogram; what is not kept yet is silent. */
  async spectrogram(entry: Entry, level: number, number: number): Promise<Uint8Array> {
    const file = await this.file(entry);
    const { first, n } = samplesOf(level, number);
    const from = Math.max(0, first);
    const bytes = await file.slice(WAV_HEADER + 2 * from, WAV_HEADER + 2 * (first + n)).arrayBuffer();
    const there = new Int16Array(bytes, 0, Math.floor(bytes.byteLength / 2));
    const samples = new Float32Array(n);
    for (let i = 0; i < there.length; i += 1) samples[from - first + i] = (there[i] as number) / 32_768;
    this.tiles ??= new SpectrogramTiles();
    return this.tiles.tile(samples, level);
  }
}
