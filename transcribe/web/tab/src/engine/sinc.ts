/** A lowpass filter: a sinc in a Kaiser window, linear in phase. */

/** Decibels by which everything above the transition is damped. */
const ATTENUATION = 125;
const BETA = 0.1102 * (ATTENUATION - 8.7);

export class Sinc {
  /** Samples on either side of a place that its value is made of; even. */
  readonly half: number;
  private readonly scale = bessel(BETA);

  /**
   * @param cutoff middle of the transition, in parts of the sample rate
   * @param transition its width, likewise
   */
  constructor(
    private readonly cutoff: number,
    transition: number,
  ) {
    // Kaiser's formula.
    const half = (ATTENUATION - 7.95) / (2.285 * 2 * Math.PI * transition) / 2;
    this.half = 2 * Math.ceil(half / 2);
  }

  /** Weight of the sample that lies `x` samples from the place. */
  weight(x: number): number {
    const edge = 1 - (x / this.half) ** 2;
    if (edge <= 0) return 0;
    const sinc = x === 0 ? 2 * this.cutoff : Math.sin(2 * Math.PI * this.cutoff * x) / (Math.PI * x);
    return (sinc * bessel(BETA * Math.sqrt(edge))) / this.scale;
  }
}

/** The modified Bessel function of the first kind, of order 0. */
function bessel(x: number): number {
  let [sum, term] = [1, 1];
  for (let k = 1; term > 1e-12 * sum; k += 1) {
    term *= (x / 2 / k) ** 2;
    sum += term;
  }
  return sum;
}
