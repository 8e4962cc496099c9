/** Ticks on beats, and a bar of them before the music begins. */

/** Seconds and pitches of a tick, on the first beat of a bar and on the others. */
const TICK = 0.05;
const HERTZ = { first: 1760, other: 1175 };
/** Beats a minute and beats of a count-in where no beats are known. */
const DEFAULT_GAP = 0.6;
const DEFAULT_BEATS = 4;

export class Metronome {
  constructor() {
    /** `{beats, bars}` as the server gives them; null while they are not known. */
    this.grid = null;
    this.voices = new Set();
    this.until = 0;
  }

  /** Sound from now on. */
  connect(context, output) {
    this.context = context;
    this.output = output;
    this.buffers = Object.fromEntries(Object.entries(HERTZ).map(([name, hertz]) => [name, tick(context, hertz)]));
  }

  /** Begin anew from a second of music on. */
  from(position) {
    this.silence();
    this.until = position;
  }

  /**
   * Tick on the beats before a second of music that have not been ticked.
   *
   * @param {(time: number) => number} at the context's time of a second of music
   */
  ahead(until, at) {
    const { grid } = this;
    if (!grid) return;
    const firsts = new Set(grid.bars.map(([, index]) => index));
    for (let i = 0; i < grid.beats.length; i += 1) {
      const time = grid.beats[i];
      if (time >= this.until && time < until) this.strike(at(time), firsts.has(i));
    }
    this.until = Math.max(this.until, until);
  }

  /** Tick a bar before a second of music is played at a speed; how many seconds that takes. */
  countIn(position, speed) {
    const { beats, n } = this.barAt(position);
    const gap = beats / speed;
    const now = this.context.currentTime + 0.05;
    for (let i = 0; i < n; i += 1) this.strike(now + i * gap, i === 0);
    return n * gap;
  }

  /** Seconds from one beat to the next, and beats of a bar, at a second of music. */
  barAt(position) {
    const { grid } = this;
    if (!grid || grid.beats.length < 2) return { beats: DEFAULT_GAP, n: DEFAULT_BEATS };
    const at = Math.min(Math.max(grid.beats.findLastIndex((time) => time <= position), 0), grid.beats.length - 2);
    const bar = grid.bars.findLastIndex(([, index]) => index <= at);
    const [here, next] = [grid.bars[Math.max(bar, 0)], grid.bars[Math.max(bar, 0) + 1]];
    const n = here && next ? next[1] - here[1] : DEFAULT_BEATS;
    return { beats: grid.beats[at + 1] - grid.beats[at], n: Math.max(2, n) };
  }

  strike(when, first) {
    const source = new AudioBufferSourceNode(this.context, { buffer: this.buffers[first ? "first" : "other"] });
    source.connect(this.output);
    source.start(Math.max(when, this.context.currentTime));
    this.voices.add(source);
    source.onended = () => this.voices.delete(source);
  }

  silence() {
    for (const source of this.voices) source.stop();
    this.voices.clear();
  }
}

function tick(context, hertz) {
  const { sampleRate } = context;
  const buffer = new AudioBuffer({ length: Math.round(TICK * sampleRate), numberOfChannels: 1, sampleRate });
  const samples = buffer.getChannelData(0);
  for (let i = 0; i < samples.length; i += 1) {
    const time = i / sampleRate;
    samples[i] = 0.5 * Math.sin(2 * Math.PI * hertz * time) * Math.exp(-time / 0.012);
  }
  return buffer;
}
