/** In the browser's audio thread: sound in pieces of a frame, mono, to the page. */

/** Samples; a frame of the network. */
const PIECE = 512;

class LiveSound extends AudioWorkletProcessor {
  constructor() {
    super();
    this.piece = new Float32Array(PIECE);
    this.filled = 0;
  }

  process([channels]) {
    const length = channels[0]?.length ?? 0;
    for (let i = 0; i < length; i += 1) {
      let sum = 0;
      for (const channel of channels) sum += channel[i];
      this.piece[this.filled] = sum / channels.length;
      this.filled += 1;
      if (this.filled < PIECE) continue;
      this.port.postMessage(this.piece, [this.piece.buffer]);
      this.piece = new Float32Array(PIECE);
      this.filled = 0;
    }
    return true;
  }
}

registerProcessor("live-sound", LiveSound);
