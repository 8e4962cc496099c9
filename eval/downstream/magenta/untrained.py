"""Magenta's models with random weights, in the files that its programs read trained ones from.

Runs in Magenta's environment (see ``magenta.txt``)::

    python untrained.py FOLDER [NAME ...]

Writes ``attention_rnn.mag``, ``performance_with_dynamics.mag``, ``cat-mel_2bar_small.tar`` and
the folder ``coconet``. Magenta's own code builds each network and writes or will read its file;
where it would restore a checkpoint, the variables are initialised, from one seed. Coconet has fewer
layers and filters than the trained one; its file says how many.
"""

import os
import sys
import tarfile
import tempfile

import tensorflow.compat.v1 as tf

SEED = 7
SMALL_COCONET = {"num_layers": 8, "num_filters": 8}


def initialised(saver, session, path):
    """In place of restoring: as the network is before it has learnt."""
    session.run(tf.global_variables_initializer())


def rnn_bundle(path, generator, model, config, **more):
    """A bundle of one of the recurrent networks, whose programs share their make."""
    made = generator(
        model=model(config), details=config.details, checkpoint=a_checkpoint(path), **more
    )
    made.create_bundle_file(path, "untrained")


def melody_rnn(path):
    from magenta.models.melody_rnn import (
        melody_rnn_config_flags,  # noqa: F401
        melody_rnn_model,
        melody_rnn_sequence_generator,
    )

    config = melody_rnn_model.default_configs["attention_rnn"]
    rnn_bundle(
        path,
        melody_rnn_sequence_generator.MelodyRnnSequenceGenerator,
        melody_rnn_model.MelodyRnnModel,
        config,
        steps_per_quarter=config.steps_per_quarter,
    )


def performance_rnn(path):
    from magenta.models.performance_rnn import performance_model, performance_sequence_generator

    config = performance_model.default_configs["performance_with_dynamics"]
    rnn_bundle(
        path,
        performance_sequence_generator.PerformanceRnnSequenceGenerator,
        performance_model.PerformanceRnnModel,
        config,
        steps_per_second=config.steps_per_second,
        num_velocity_bins=config.num_velocity_bins,
    )


def a_checkpoint(path):
    """A file for Magenta to find; nothing is read from it."""
    empty = path + ".empty"
    open(empty, "w").close()
    return empty


def music_vae(path):
    from magenta.models.music_vae import configs
    from magenta.models.music_vae.trained_model import TrainedModel

    model = TrainedModel(configs.CONFIG_MAP["cat-mel_2bar_small"], 1, a_checkpoint(path))
    with tempfile.TemporaryDirectory() as folder, model._sess.graph.as_default():
        tf.train.Saver().save(model._sess, os.path.join(folder, "model.ckpt"))
        with tarfile.open(path, "w") as tar:
            for name in sorted(os.listdir(folder)):
                tar.add(os.path.join(folder, name), name)


def coconet(path):
    from magenta.models.coconet import lib_graph, lib_hparams

    os.makedirs(path, exist_ok=True)
    hparams = lib_hparams.Hyperparameters(**SMALL_COCONET)
    hparams.shortest_duration = 0.125  # as training on the chorales adds it
    with open(os.path.join(path, "config"), "w") as file:
        hparams.dump(file)
    model = lib_graph.load_checkpoint(path)
    with model.graph.as_default():
        tf.train.Saver().save(model.sess, os.path.join(path, "best_model.ckpt"))


MAKERS = {
    "attention_rnn.mag": melody_rnn,
    "performance_with_dynamics.mag": performance_rnn,
    "cat-mel_2bar_small.tar": music_vae,
    "coconet": coconet,
}


def main():
    folder, *names = sys.argv[1:]
    tf.disable_v2_behavior()
    tf.logging.set_verbosity(tf.logging.ERROR)
    tf.train.Saver.restore = initialised
    for name in names or MAKERS:
        tf.reset_default_graph()
        tf.set_random_seed(SEED)
        MAKERS[name](os.path.join(folder, name))
        print(name, flush=True)


if __name__ == "__main__":
    main()
