/**
 * Models of magenta.js on MIDI files that `transcribe tokens` wrote: addresses in, MIDI bytes out.
 * `mm` is the library's global, as its bundle defines it.
 */

const read = async (address) =>
  mm.midiToSequenceProto(await (await fetch(address)).arrayBuffer());
const quantised = async (address) => mm.sequences.quantizeNoteSequence(await read(address), 4);
/**
 * Melodies and voices come without velocities, which would be written as 0: keys that go up. GrooVAE's
 * tempo comes without a time, for which the writer would search without end, and its first hits may
 * come before the beginning, where no MIDI file has a place.
 */
const midi = (sequence) => {
  for (const tempo of sequence.tempos) tempo.time ||= 0;
  for (const note of sequence.notes) {
    note.velocity ||= 80;
    note.startTime = Math.max(note.startTime, 0);
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

  /** GrooVAE, Studio's Drumify and Groove: drums to a tap, or drums as a drummer would play them. */
  async grooved(checkpoint, address) {
    const vae = new mm.MusicVAE(checkpoint);
    await vae.initialize();
    const given = await read(address);
    const z = await vae.encode([given]);
    const [made] = await vae.decode(z, 1.0, undefined, 4, given.tempos[0].qpm);
    z.dispose();
    vae.dispose();
    return [midi(made)];
  },

  /** Coconet: what is given stays, and every voice sings where it rests. */
  async infilled(checkpoint, address, numIterations) {
    const coconet = new mm.Coconet(checkpoint);
    await coconet.initialize();
    const made = await coconet.infill(await quantised(address), { numIterations });
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
