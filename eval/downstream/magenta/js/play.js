/**
 * Models of magenta.js on MIDI files that `transcribe tokens` wrote: addresses in, MIDI bytes out.
 * `mm` is the library's global, as its bundle defines it.
 */

const read = async (address) =>
  mm.midiToSequenceProto(await (await fetch(address)).arrayBuffer());
const quantised = async (address) => mm.sequences.quantizeNoteSequence(await read(address), 4);
/**
 * Melodies and voices come without velocities, which would be written as 0: keys that go up. A hit
 * before the first step, which GrooVAE may play, would never end being written.
 */
const midi = (sequence) => {
  for (const note of sequence.notes) {
    note.velocity ||= 80;
    if (note.startTime < 0) note.startTime = 0;
  }
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

  /** GrooVAE, Studio's Drumify and Groove: drums to a tap, or to drums; timing is read off seconds. */
  async grooved(checkpoint, tap) {
    const vae = new mm.MusicVAE(checkpoint);
    await vae.initialize();
    const given = await read(tap);
    const z = await vae.encode([given]);
    const made = await vae.decode(z, 1.0, undefined, 4, given.tempos[0].qpm);
    vae.dispose();
    return made.map(midi);
  },

  /** Coconet: four voices to a line; `spec` is for weights of another size than the trained ones. */
  async harmonised(checkpoint, soprano, numIterations, spec) {
    const coconet = new mm.Coconet(checkpoint);
    if (spec) coconet.spec = spec;
    await coconet.initialize();
    const made = await coconet.infill(await quantised(soprano), { temperature: 0.99, numIterations });
    coconet.dispose();
    return [midi(mm.sequences.mergeConsecutiveNotes(made))];
  },

  /** How a converter reads a file: the tensor's rows, without a model. */
  async tensor(type, args, address) {
    const converter = mm.data.converterFromSpec({ type, args });
    const tensor = converter.toTensor(type === "GrooveConverter" ? await read(address) : await quantised(address));
    return tensor.arraySync();
  },
};
