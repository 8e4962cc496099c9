/** Sound as a wav file: mono, 16 bits. */

/** Bytes before the samples. */
export const WAV_HEADER = 44;

/** What stands before `nBytes` of samples. */
export function wavHeader(rate: number, nBytes: number): ArrayBuffer {
  const header = new ArrayBuffer(WAV_HEADER);
  const view = new DataView(header);
  const text = (place: number, letters: string): void =>
    [...letters].forEach((letter, index) => view.setUint8(place + index, letter.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, 36 + nBytes, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, nBytes, true);
  return header;
}
