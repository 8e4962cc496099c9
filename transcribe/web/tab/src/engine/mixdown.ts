/**
 * The channels of a recording as one: their mean, unless they would cancel each other.
 *
 * As `transcribe/audio/channels.py`, which says why: second by second, the energy of the mean is
 * watched, and channels that run against the loudest one are turned round where it is lost.
 */

const CANCELLED = 0.25;
const SURELY_CANCELLED = 0.05;
const AGREEING = 1;
const SURELY_AGREEING = 1.5;
const MEMORY = 0.9;
/** Seconds from one way of taking the mean to the other. */
const FADE = 0.05;

interface Piece {
  mean: Float32Array;
  channels: Float32Array[] | null;
}
type Matrix = number[][];

export class Mixdown {
  /** Samples gathered and not yet given. */
  nPending = 0;
  /** Samples given so far of which a channel was turned round. */
  nTurned = 0;
  private pieces: Piece[] = [];
  private seen: Matrix | null = null;
  private signs: number[] | null = null;
  private hasBegun = false;

  constructor(private readonly rate: number) {}

  push(channels: Float32Array[]): void {
    const mean = meanOf(channels);
    this.pieces.push({ mean, channels: channels.length > 1 ? channels : null });
    this.nPending += mean.length;
  }

  /** What was gathered. */
  take(): Float32Array {
    const seconds = this.seconds();
    const products = seconds.map(productsOf);
    const given = new Float32Array(this.nPending);
    let place = 0;
    seconds.forEach((second, index) => {
      const product = products[index] ?? null;
      if (product && this.seen && this.seen.length !== product.length) this.seen = this.signs = null;
      if (product && !this.seen) {
        this.seen = product.map((row) => row.map(() => 0));
        for (const each of products) if (each?.length === product.length) add(this.seen, each);
      }
      const before = this.signs;
      if (product) this.decide(product);
      place = this.mix(second, before, given, place);
      this.hasBegun = true;
    });
    this.pieces = [];
    this.nPending = 0;
    return given;
  }

  private seconds(): Piece[][] {
    const seconds: Piece[][] = [];
    let nSamples = this.rate;
    let width: number | null = null;
    for (const piece of this.pieces) {
      const channels = piece.channels?.length ?? null;
      if (channels !== null && width !== null && width !== channels) nSamples = this.rate;
      width = channels ?? width;
      if (nSamples >= this.rate) {
        seconds.push([]);
        nSamples = 0;
      }
      (seconds.at(-1) as Piece[]).push(piece);
      nSamples += piece.mean.length;
    }
    return seconds;
  }

  private decide(product: Matrix): void {
    const seen = (this.seen as Matrix).map((row, i) =>
      row.map((value, j) => MEMORY * value + ((product[i] as number[])[j] as number)),
    );
    this.seen = seen;
    const [now, lately] = [shareOf(product), shareOf(seen)];
    if (now === null || lately === null) return;
    const before = this.signs;
    if (!this.signs && (now < SURELY_CANCELLED || lately < CANCELLED)) {
      const signs = signsOf(now < SURELY_CANCELLED ? product : seen);
      this.signs = signs.some((sign) => sign < 0) ? signs : null;
    } else if (now > SURELY_AGREEING || lately > AGREEING) {
      this.signs = null;
    }
    if (this.signs !== before) this.seen = product;
  }

  private mix(second: Piece[], before: number[] | null, given: Float32Array, at: number): number {
    const fades = this.hasBegun && before !== this.signs;
    const nFade = fades ? Math.round(FADE * this.rate) : 0;
    let [place, position] = [at, 0];
    for (const { mean, channels } of second) {
      const mixed = this.signs ? turned(mean, channels, this.signs) : mean;
      given.set(mixed, place);
      if (position < nFade) {
        const old = before ? turned(mean, channels, before) : mean;
        for (let i = 0; i < mean.length && position + i < nFade; i += 1) {
          const rising = (position + i) / nFade;
          given[place + i] = rising * (mixed[i] as number) + (1 - rising) * (old[i] as number);
        }
      }
      if (this.signs) this.nTurned += mean.length;
      place += mean.length;
      position += mean.length;
    }
    return place;
  }
}

function meanOf(channels: Float32Array[]): Float32Array {
  const [first, second] = channels as [Float32Array, Float32Array | undefined];
  if (!second) return first;
  const mean = new Float32Array(first.length);
  if (channels.length === 2) {
    for (let i = 0; i < mean.length; i += 1) {
      mean[i] = ((first[i] as number) + (second[i] as number)) / 2;
    }
    return mean;
  }
  for (const channel of channels) for (let i = 0; i < mean.length; i += 1) mean[i]! += channel[i]!;
  for (let i = 0; i < mean.length; i += 1) mean[i]! /= channels.length;
  return mean;
}

function productsOf(pieces: Piece[]): Matrix | null {
  let total: Matrix | null = null;
  for (const { channels } of pieces) {
    if (!channels) continue;
    const product = channels.map((a, i) =>
      channels.map((b, j) => {
        if (j < i) return 0;
        let sum = 0;
        for (let k = 0; k < a.length; k += 1) sum += (a[k] as number) * (b[k] as number);
        return sum;
      }),
    );
    for (let i = 0; i < product.length; i += 1) {
      for (let j = 0; j < i; j += 1) product[i]![j] = product[j]![i]!;
    }
    if (total && total.length === product.length) add(total, product);
    else total = product;
  }
  return total;
}

function add(to: Matrix, other: Matrix): void {
  for (let i = 0; i < to.length; i += 1) for (let j = 0; j < to.length; j += 1) to[i]![j]! += other[i]![j]!;
}

/** Energy of the mean against that of unrelated channels; null for silence. */
function shareOf(product: Matrix): number | null {
  const energy = product.reduce((sum, row, i) => sum + (row[i] as number), 0);
  return energy > 0 ? product.flat().reduce((sum, each) => sum + each, 0) / energy : null;
}

/** 1 and -1: what runs against the loudest channel has the other sign; 1 for the first. */
function signsOf(product: Matrix): number[] {
  const energies = product.map((row, i) => row[i] as number);
  const loudest = energies.indexOf(Math.max(...energies));
  const signs = energies.map((energy, i) => {
    const limit = -0.5 * Math.sqrt(energy * (energies[loudest] as number));
    return (product[loudest]![i] as number) < limit ? -1 : 1;
  });
  return signs.map((sign) => sign * (signs[0] as number));
}

function turned(mean: Float32Array, channels: Float32Array[] | null, signs: number[]): Float32Array {
  if (!channels || signs.length !== channels.length) return mean;
  const mixed = new Float32Array(mean.length);
  channels.forEach((channel, index) => {
    const weight = (signs[index] as number) / signs.length;
    for (let i = 0; i < mixed.length; i += 1) mixed[i]! += weight * channel[i]!;
  });
  return mixed;
}
