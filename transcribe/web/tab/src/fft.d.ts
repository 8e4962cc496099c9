declare module "fft.js" {
  /** A fast Fourier transform of a size that is a power of two. */
  export default class FFT {
    constructor(size: number);
    createComplexArray(): number[];
    /** Fills the first half of `output`, and its middle, with the spectrum of real samples. */
    realTransform(output: number[], input: ArrayLike<number>): void;
    /** Of complex numbers, the real and the imaginary part of each one after the other. */
    transform(output: number[], input: ArrayLike<number>): void;
    inverseTransform(output: number[], input: ArrayLike<number>): void;
  }
}
