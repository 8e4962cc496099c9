/**
 * Models of magenta.js on MIDI files that `transcribe tokens` wrote: addresses in, MIDI bytes out.
 * `mm` is the library's global, as its bundle defines it.
 */

const read = async (address) =>
  mm.midiToSequenceProto(await (await fetch(address)).arrayBuffer());
const quantised = async (address) => mm.sequences.quantizeNoteSequence(await read(address), 4);
/** Melodies come without velocities, which would be written as 0: keys that go up. */
const midi = (sequence) => {
  for (const note of sequence.notes) note.velocity ||= 80;
  return Array.from(mm.sequenceProtoToMidi(sequence));
};

window.generators = {
  /** MelodyRNN, Studio's Continue: what follows the primer, without it. */
  async continued(checkpoint, primer, steps) {
    const rnn = new mm.MusicRNN(checkpoint);
    await rnn.initialize();
    const made = await rnn.continueSequence(await quantised(primer), steps, 1.0);
    rnn.dispose();
    return [midi(made)];
  },

  /** MusicVAE, Studio's Interpolate: from one melody to another. */
  async interpolated(checkpoint, one, other, howMany) {
    const vae = new mm.MusicVAE(checkpoint);
    await vae.initialize();
    const made = await vae.interpolate([await quantised(one), await quantised(other)], howMany, 1.0);
    vae.dispose();
    return made.map(midi);
  },

  /** How a converter reads a file: the tensor's rows, without a model. */
  async tensor(type, args, address) {
    const converter = mm.data.converterFromSpec({ type, args });
    const tensor = converter.toTensor(type === "GrooveConverter" ? await read(address) : await quantised(address));
    return tensor.arraySync();
  },
};
