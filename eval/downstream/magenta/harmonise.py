"""Coconet harmonises a line: what its own command line means to do and, in 2.1.4, stumbles over.

    magenta/bin/python harmonise.py CHECKPOINT_FOLDER SOPRANO.mid OUT.mid

The checkpoint is a folder, as Magenta unpacks its own; the line is at 60 quarter notes a minute.
"""

import sys

import pretty_midi
import tensorflow.compat.v1 as tf
from magenta.models.coconet import coconet_sample


def main():
    checkpoint, melody, out = sys.argv[1:]
    tf.disable_v2_behavior()
    coconet_sample.FLAGS(sys.argv[:1])
    model = coconet_sample.instantiate_model(checkpoint)
    generator = coconet_sample.Generator(model, "harmonize_midi_melody")
    line = pretty_midi.PrettyMIDI(melody)
    (made,) = generator.run_generation(midi_in=line, gen_batch_size=1, piece_length=32)
    made.write(out)


if __name__ == "__main__":
    main()
