/**
 * What the network says about every frame and key: `transcribe/rolls.py` without the training.
 *
 * One array of single precision, a row of `N_ACTIVATIONS` values a frame: seven planes of 88
 * columns side by side (column 0 is A0), then the pedal.
 */

export const LOWEST_PITCH = 21;
export const HIGHEST_PITCH = 108;
export const N_PITCHES = HIGHEST_PITCH - LOWEST_PITCH + 1;

/** Where a plane begins within a row. */
export const ONSET_PLANE = 0;
export const ONSET_SHIFT_PLANE = N_PITCHES;
export const OFFSET_PLANE = 2 * N_PITCHES;
export const OFFSET_SHIFT_PLANE = 3 * N_PITCHES;
export const FRAME_PLANE = 4 * N_PITCHES;
export const SOUNDING_PLANE = 5 * N_PITCHES;
export const VELOCITY_PLANE = 6 * N_PITCHES;
export const PEDAL = 7 * N_PITCHES;
export const N_ACTIVATIONS = PEDAL + 1;

export type Rolls = Float32Array;

/** How many frames there are. */
export const nFrames = (rolls: Rolls): number => rolls.length / N_ACTIVATIONS;

/** Silence: all zeros. */
export const emptyRolls = (frames: number): Rolls => new Float32Array(frames * N_ACTIVATIONS);

/** The value of a plane in a row and a column. */
export const value = (rolls: Rolls, plane: number, row: number, column: number): number =>
  rolls[row * N_ACTIVATIONS + plane + column] as number;
