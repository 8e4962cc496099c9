/**
 * A recording in a file to pieces of samples, as they are decoded: it is never whole in memory.
 *
 * Time zero is the first moment of the recording as its container tells it, as in
 * `transcribe/audio/reader.py`: what lies before it is cut away, holes are filled with silence.
 */

import {
  type AudioSample,
  AudioSampleSink,
  ADTS,
  BlobSource,
  FLAC,
  Input,
  type InputAudioTrack,
  MATROSKA,
  MP3,
  MP4,
  OGG,
  QTFF,
  WAVE,
  WEBM,
} from "mediabunny";
import { RecordingError } from "../errors";
import { encoderDelay } from "./encoder-delay";
import type { AudioWarning } from "./quality";

/**
 * In the order in which they are tried: those that begin with a mark of their own come before
 * mp3 and aac, whose mark of eleven bits may be found in any file.
 */
const FORMATS = [MP4, QTFF, MATROSKA, WEBM, WAVE, OGG, FLAC, MP3, ADTS];
/** Seconds; a smaller step in the container's clock is rounding, not missing sound. */
const LEAST_GAP = 0.05;
/** Seconds; holes of more than this together are a damaged clock, and not filled. */
const MOST_SILENCE = 3600;
/** Seconds; a smaller difference from the header's duration is padding, not truncation. */
const LEAST_MISSING = 0.25;
/** Seconds that are passed over where a packet can't be decoded, and how often at most. */
const PASSED_OVER = 0.1;
const MOST_FAILURES = 100;
/** Hertz that a recording may have. */
const RATES = [1000, 1_000_000] as const;

/** Samples of one rate, full scale at 1, an array a channel. */
export interface Piece {
  rate: number;
  channels: Float32Array[];
}

/** A recording that can be decoded, from its beginning, as often as is wanted. */
export interface OpenRecording {
  /** Seconds as the header says; null where it does not. */
  readonly duration: number | null;
  /** What was wrong with it, as far as it was read. */
  readonly warnings: AudioWarning[];
  pieces(): AsyncGenerator<Piece>;
  close(): void;
}

/** Decodes a whole file at once, outside of this worker; for what the browser streams not. */
export type WholeDecoder = (file: Blob) => Promise<Piece | null>;

/** Open a recording; throws a `RecordingError` where it is none, or none that can be read. */
export async function openRecording(file: Blob, decodeWhole: WholeDecoder): Promise<OpenRecording> {
  if (!file.size) throw new RecordingError("empty");
  if (await isMidi(file)) throw new RecordingError("midi");
  const input = new Input({ source: new BlobSource(file), formats: FORMATS });
  const track = await trackOf(input).catch((error: unknown) => error as RecordingError);
  if (track instanceof Error || !(await decodable(track))) {
    input.dispose();
    const whole = await decodeWhole(file);
    if (whole) return new WholeRecording(whole);
    if (track instanceof RecordingError) throw track;
    throw new RecordingError(track instanceof Error ? "not_a_recording" : "no_decoder");
  }
  const duration = await track.getDurationFromMetadata().catch(() => null);
  return new StreamedRecording(file, input, track, duration);
}

/** By its first bytes, whatever its name. */
async function isMidi(file: Blob): Promise<boolean> {
  const head = await file.slice(0, 12).text();
  return head.startsWith("MThd") || (head.startsWith("RIFF") && head.endsWith("RMID"));
}

async function trackOf(input: Input): Promise<InputAudioTrack> {
  if (!(await input.canRead())) throw new RecordingError("not_a_recording");
  const track = await input.getPrimaryAudioTrack();
  if (!track) throw new RecordingError("no_audio_track");
  return track;
}

async function decodable(track: InputAudioTrack): Promise<boolean> {
  try {
    return await track.canDecode();
  } catch {
    return false;
  }
}

class StreamedRecording implements OpenRecording {
  private nDamaged = 0;
  private silence = 0;
  private leap = 0;
  private missing = 0;
  private read = 0;

  constructor(
    private readonly file: Blob,
    private readonly input: Input,
    private readonly track: InputAudioTrack,
    readonly duration: number | null,
  ) {}

  get warnings(): AudioWarning[] {
    const found: AudioWarning[] = [];
    if (this.nDamaged) found.push({ kind: "damaged", values: { n_packets: this.nDamaged } });
    if (this.silence) found.push({ kind: "hole", values: { seconds: this.silence } });
    if (this.leap) found.push({ kind: "clock", values: { seconds: this.leap } });
    if (this.missing) {
      const values = { missing: this.missing, promised: this.missing + this.read };
      found.push({ kind: "truncated", values });
    }
    return found;
  }

  async *pieces(): AsyncGenerator<Piece> {
    this.nDamaged = this.silence = this.leap = this.missing = this.read = 0;
    const limit = this.duration === null ? null : this.duration + 1;
    const codec = await this.track.getCodec();
    let position = 0;
    /** What an encoder has put before the music: seconds of the clock, and samples to cut. */
    let origin = 0;
    let cut: number | null = null;
    let left = Number.POSITIVE_INFINITY;
    for await (const sample of this.samples()) {
      const { sampleRate: rate, timestamp } = sample;
      if (rate < RATES[0] || rate > RATES[1]) {
        this.nDamaged += 1;
        sample.close();
        continue;
      }
      let channels = channelsOf(sample);
      sample.close();
      if (cut === null) {
        const delay = await encoderDelay(this.file, codec, timestamp);
        cut = delay.start;
        origin = cut / rate;
        left = delay.total ?? left;
      }
      if (cut > 0) {
        const part = cut;
        cut = Math.max(0, cut - sample.numberOfFrames);
        channels = channels.map((channel) => channel.subarray(part));
      }
      const end = timestamp + (sample.numberOfFrames - (channels[0]?.length ?? 0)) / rate;
      const ahead = end - origin - position;
      if (position === 0 && ahead < 0) {
        const first = Math.round(-ahead * rate);
        channels = channels.map((channel) => channel.subarray(first));
      } else if (position === 0 ? ahead > 0.5 / rate : ahead > LEAST_GAP) {
        const beyond = position + ahead > (limit ?? position + 60);
        if (beyond || this.silence + ahead > MOST_SILENCE) this.leap = Math.max(this.leap, ahead);
        else {
          if (position) this.silence += ahead;
          const nSilent = Math.round(ahead * rate);
          for (let start = 0; start < nSilent; start += rate) {
            const length = Math.min(rate, nSilent - start);
            yield { rate, channels: channels.map(() => new Float32Array(length)) };
          }
          position += nSilent / rate;
        }
      }
      channels = channels.map((channel) => channel.subarray(0, left));
      const length = channels[0]?.length ?? 0;
      if (!length) continue;
      left -= length;
      position += length / rate;
      this.read = position;
      yield { rate, channels };
    }
    if (!position) throw new RecordingError(this.nDamaged ? "damaged" : "empty");
    if (this.duration !== null && this.duration - position > LEAST_MISSING) {
      this.missing = this.duration - position;
    }
  }

  /** Decode what can be decoded, and pass over what can't. */
  private async *samples(): AsyncGenerator<AudioSample> {
    const sink = new AudioSampleSink(this.track);
    let reached = Number.NEGATIVE_INFINITY;
    for (let failures = 0; failures < MOST_FAILURES; failures += 1) {
      const before = reached;
      try {
        for await (const sample of sink.samples(reached)) {
          if (sample.timestamp + sample.duration <= reached + 1e-6) {
            sample.close();
            continue;
          }
          reached = sample.timestamp + sample.duration;
          yield sample;
        }
        return;
      } catch (error) {
        if (!this.nDamaged) console.warn("a part can't be decoded:", error);
        this.nDamaged += 1;
        reached = Math.max(reached, 0) + (reached > before ? 0 : PASSED_OVER);
        if (this.duration !== null && reached >= this.duration) return;
      }
    }
  }

  close(): void {
    this.input.dispose();
  }
}

/** A recording that some other decoder has decoded as a whole. */
class WholeRecording implements OpenRecording {
  readonly warnings: AudioWarning[] = [];
  constructor(private readonly whole: Piece) {}

  get duration(): number {
    return (this.whole.channels[0]?.length ?? 0) / this.whole.rate;
  }

  async *pieces(): AsyncGenerator<Piece> {
    const { rate, channels } = this.whole;
    if (!this.duration) throw new RecordingError("empty");
    for (let start = 0; start < this.duration * rate; start += rate) {
      yield { rate, channels: channels.map((channel) => channel.subarray(start, start + rate)) };
    }
  }

  close(): void {}
}

function channelsOf(sample: AudioSample): Float32Array[] {
  return Array.from({ length: sample.numberOfChannels }, (_, planeIndex) => {
    const channel = new Float32Array(sample.numberOfFrames);
    sample.copyTo(channel, { planeIndex, format: "f32-planar" });
    return channel;
  });
}
