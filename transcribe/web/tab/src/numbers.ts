/** Numbers as Python and NumPy round, add and print them, so that files are the same to a byte. */

/** The nearest whole number; of two as near, the even one. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest < 0.5) return floor;
  if (rest > 0.5) return floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

/** `digits` decimals (at most 6), rounded as Python's `format` does: exactly, halves to even. */
export function fixed(value: number, digits: number): string {
  const text = value.toFixed(digits);
  // A half that binary digits can say: only a multiple of 2 ** -(digits + 1) can be one.
  const steps = value * 2 ** (digits + 1);
  if (!Number.isInteger(steps)) return text;
  const longer = value.toFixed(digits + 1);
  if (!longer.endsWith("5")) return text;
  const last = text.at(-1) as string;
  if (Number(last) % 2 === 0) return text;
  // `toFixed` takes the larger of two as near; the even one is a step below it (or above 0).
  const unit = 10 ** -digits;
  return (Number(text) - Math.sign(value) * unit).toFixed(digits);
}

/** `round(value, digits)` of Python. */
export const rounded = (value: number, digits: number): number => Number(fixed(value, digits));

/** A float as Python's `json` writes it. */
export function pythonFloat(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e16) {
    return Object.is(value, -0) ? "-0.0" : `${value}.0`;
  }
  const size = Math.abs(value);
  if (size >= 1e16 || size < 1e-4) {
    const [digits, exponent] = value.toExponential().split("e") as [string, string];
    const sign = exponent[0] === "-" ? "-" : "+";
    return `${digits}e${sign}${exponent.slice(1).padStart(2, "0")}`;
  }
  return String(value);
}

/** The sum of at most 128 numbers, added in NumPy's order. */
export function numpySum(values: ArrayLike<number>): number {
  const n = values.length;
  const at = (index: number): number => values[index] as number;
  if (n < 8) {
    let sum = 0;
    for (let i = 0; i < n; i += 1) sum += at(i);
    return sum;
  }
  const lanes = [0, 1, 2, 3, 4, 5, 6, 7].map(at) as [
    number, number, number, number, number, number, number, number,
  ];
  let i = 8;
  for (; i < n - (n % 8); i += 8) {
    for (let lane = 0; lane < 8; lane += 1) lanes[lane] = (lanes[lane] as number) + at(i + lane);
  }
  const [a, b, c, d, e, f, g, h] = lanes;
  let sum = a + b + (c + d) + (e + f + (g + h));
  for (; i < n; i += 1) sum += at(i);
  return sum;
}

/** Index of the first of sorted values that is not below `value`. */
export function firstAtLeast(sorted: ArrayLike<number>, value: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Index of the first of sorted values that is above `value`. */
export function firstAbove(sorted: ArrayLike<number>, value: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as number) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A number held between two others. */
export const clipped = (value: number, least: number, most: number): number =>
  Math.min(Math.max(value, least), most);
