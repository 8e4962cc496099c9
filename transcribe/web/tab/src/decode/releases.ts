/**
 * When a key comes up, where a network only half knows: `transcribe/decode/releases.py`, which
 * explains it.
 */

import { firstAbove, numpySum } from "../numbers";
import { LEVELS } from "./peaks";

/** Seconds before the first crossing from which on a key may have come up. */
const RISE = 0.016;
/** Seconds; a key is not up sooner after it was struck. */
const LEAST = 0.02;
/** Times that are less likely by no more than this are as good; the middle of them is taken. */
const AS_LIKELY = 0.02;

/**
 * Seconds from a note's onset to its most probable key release; null where the probability
 * crosses no level before `latest`.
 */
export function likeliestRelease(
  crossed: readonly number[],
  latest: number,
  tolerance: number,
  leastTolerance: number,
): number | null {
  const times: number[] = [];
  const levels: number[] = [];
  crossed.forEach((time, index) => {
    if (time >= latest) return;
    times.push(Math.max(time, 0, times.at(-1) ?? 0));
    levels.push(LEVELS[index] as number);
  });
  if (!times.length) return null;
  const ends = [0, Math.max(0, (times[0] as number) - RISE), ...times];
  const stillDown = [1, 1, ...levels];
  if (latest < Number.POSITIVE_INFINITY) {
    ends.push(latest, latest);
    stillDown.push(levels.at(-1) as number, 0);
  } else {
    ends.push((ends.at(-1) as number) + 2 * RISE);
    stillDown.push(0);
  }
  const steps: number[] = [];
  for (let i = 1; i < ends.length; i += 1) {
    const [from, to] = [ends[i - 1] as number, ends[i] as number];
    steps.push(to, (from + to) / 2, (from + 3 * to) / 4);
  }
  const candidates = [...new Set(steps.filter((step) => step >= LEAST))].sort((a, b) => a - b);
  if (!candidates.length) return ends.at(-1) as number;
  const likely = candidates.map((time) => {
    const early = Math.min(time / (1 + tolerance), time - leastTolerance);
    const late = Math.max(time / (1 - tolerance), time + leastTolerance);
    return interpolated(early, ends, stillDown) - interpolated(late, ends, stillDown);
  });
  const least = Math.max(...likely) - AS_LIKELY;
  const good = candidates.filter((_, index) => (likely[index] as number) >= least);
  const mean = numpySum(good) / good.length;
  let best = good[0] as number;
  for (const time of good) if (Math.abs(time - mean) < Math.abs(best - mean)) best = time;
  return best;
}

/** On the line through points: 1 before its beginning, 0 after its end. */
function interpolated(x: number, places: number[], values: number[]): number {
  const last = places.length - 1;
  if (x < (places[0] as number)) return 1;
  if (x > (places[last] as number)) return 0;
  const index = firstAbove(places, x) - 1;
  const [place, value] = [places[index] as number, values[index] as number];
  if (index === last || place === x) return value;
  const slope = ((values[index + 1] as number) - value) / ((places[index + 1] as number) - place);
  return slope * (x - place) + value;
}
