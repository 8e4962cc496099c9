/** The recording's waveform: lowest and highest samples, ready for any zoom. */

/** How many of one level make one of the next. */
const FACTOR = 4;

export class Waveform {
  constructor() {
    this.set(new Int8Array(0), 50);
  }

  /**
   * @param {Int8Array} pairs lowest and highest by turns, -127 to 127
   * @param {number} perSecond pairs of a second
   */
  set(pairs, perSecond) {
    this.perSecond = perSecond;
    this.levels = [pairs];
    while (this.levels.at(-1).length > 2 * 256) this.levels.push(coarser(this.levels.at(-1)));
    this.loudest = pairs.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
  }

  /** Seconds of music it holds. */
  get duration() {
    return this.levels[0].length / 2 / this.perSecond;
  }

  /**
   * Draw between two x in the current fill colour.
   *
   * @param {CanvasRenderingContext2D} context
   * @param {(x: number) => number} timeAt seconds of an x
   * @param {{left: number, right: number, top: number, height: number}} box pixels
   */
  draw(context, timeAt, { left, right, top, height }) {
    const perPixel = (timeAt(left + 1) - timeAt(left)) * this.perSecond;
    let level = 0;
    while (level + 1 < this.levels.length && FACTOR ** (level + 1) <= perPixel) level += 1;
    const pairs = this.levels[level];
    const perPair = FACTOR ** level;
    const middle = top + height / 2;
    const unit = (height / 2 - 1) / this.loudest;
    for (let x = left; x < right; x += 1) {
      const first = Math.floor((timeAt(x) * this.perSecond) / perPair);
      const last = Math.max(first + 1, Math.floor((timeAt(x + 1) * this.perSecond) / perPair));
      if (2 * first >= pairs.length) break;
      let [low, high] = [0, 0];
      for (let i = Math.max(0, first); i < last && 2 * i < pairs.length; i += 1) {
        if (pairs[2 * i] < low) low = pairs[2 * i];
        if (pairs[2 * i + 1] > high) high = pairs[2 * i + 1];
      }
      const y = Math.round(middle - high * unit);
      context.fillRect(x, y, 1, Math.max(1, Math.round(middle - low * unit) - y));
    }
  }
}

function coarser(pairs) {
  const n = Math.ceil(pairs.length / 2 / FACTOR);
  const result = new Int8Array(2 * n);
  for (let i = 0; i < pairs.length / 2; i += 1) {
    const to = 2 * Math.floor(i / FACTOR);
    result[to] = Math.min(result[to], pairs[2 * i]);
    result[to + 1] = Math.max(result[to + 1], pairs[2 * i + 1]);
  }
  return result;
}
