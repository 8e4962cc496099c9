/**
 * Long input in overlapping windows, stitched to one output: `transcribe/windows.py`.
 *
 * `Windows` says which frames to look at and which of the results to keep.
 */

import type { WindowSettings } from "../settings";

export interface Window {
  /** What to look at. */
  frames: Float32Array;
  /** Of the results, in frames: the first to keep, and the one after the last. */
  from: number;
  to: number;
}

/** How far windows have come, so that others can go on from there. */
export interface WindowState {
  /** First frame of the next window; frames whose results are kept. */
  start: number;
  done: number;
}

export class Windows {
  private held: Float32Array[] = [];
  /** Frames that were pushed, those skipped before them included. */
  private end: number;
  private start: number;
  private done: number;

  /**
   * @param width numbers a frame
   * @param resumed where others were left; frames are then pushed from `firstNeeded` on
   */
  constructor(
    private readonly settings: WindowSettings,
    private readonly width: number,
    resumed: WindowState = { start: 0, done: 0 },
  ) {
    this.start = resumed.start;
    this.done = resumed.done;
    this.end = firstNeeded(settings, resumed);
  }

  get state(): WindowState {
    return { start: this.start, done: this.done };
  }

  /** Take frames; give the windows that they complete, each with the `state` after it. */
  *push(frames: Float32Array): Generator<Window> {
    const { window_frames: size, context_frames: context } = this.settings;
    this.held.push(frames);
    this.end += frames.length / this.width;
    // One frame more shows that a window is not the last.
    if (this.end <= this.start + size) return;
    let joined = this.joined();
    const first = this.end - joined.length / this.width;
    while (this.end > this.start + size) {
      const at = (this.start - first) * this.width;
      const from = this.done - this.start;
      // The state is that after the window before anybody is given it.
      this.done = this.start + size - context;
      this.start += size - 2 * context;
      yield { frames: joined.slice(at, at + size * this.width), from, to: size - context };
    }
    joined = joined.slice(Math.max(0, joined.length - size * this.width));
    this.held = [joined];
  }

  /** The last window, slid back to half a window's length, unless nothing is left. */
  *finish(): Generator<Window> {
    if (this.end <= this.done) return;
    const length = Math.max(this.end - this.start, Math.ceil(this.settings.window_frames / 2));
    const joined = this.joined();
    const frames = joined.slice(Math.max(0, joined.length - length * this.width));
    const nFrames = frames.length / this.width;
    const from = this.done - (this.end - nFrames);
    this.done = this.end;
    yield { frames, from, to: nFrames };
  }

  private joined(): Float32Array {
    const joined = new Float32Array(this.held.reduce((sum, each) => sum + each.length, 0));
    let place = 0;
    for (const each of this.held) {
      joined.set(each, place);
      place += each.length;
    }
    this.held = [joined];
    return joined;
  }
}

/** The first frame that windows need which go on from a state. */
export const firstNeeded = (settings: WindowSettings, { start }: WindowState): number =>
  Math.max(0, start - Math.ceil(settings.window_frames / 2));
