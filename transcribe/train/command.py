"""``transcribe train``: a network trained, under settings that Hydra composes."""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec

from transcribe.extras import needing
from transcribe.options import DONE, Subparsers, add_command


def add_parser(subparsers: Subparsers) -> None:
    """``transcribe train``; whatever it does not know itself is for Hydra."""
    parser = add_command(
        subparsers,
        "train",
        run,
        usage="transcribe train [-h] [OVERRIDE ...] [Hydra options]",
        description="Train a network that transcribes or, with --config-name continue, one that\n"
        "continues music. Hydra composes the settings from the files in conf/ and the\n"
        "overrides, each written NAME=VALUE. An interrupted run resumes when the same command\n"
        "is given again.",
        epilog="examples:\n"
        "  transcribe train experiment=tiny                   train a small network\n"
        "  transcribe train experiment=maestro trainer=gpus   on all GPUs\n"
        "  transcribe train experiment=tiny --cfg job         print the settings, train nothing\n"
        "  transcribe train experiment=tiny -m seed=0,1,2     train three times\n"
        "  transcribe train --config-name continue            train the network of 'continue'\n"
        "  transcribe train --hydra-help                      list the options of Hydra\n\n"
        "Needs pip install 'transcribe[train]'.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(overrides=[])


def run(options: argparse.Namespace) -> int:
    """Hand the overrides to Hydra."""
    with needing("train", "hydra", "omegaconf", "pytorch_lightning", "matplotlib"):
        from transcribe.train.__main__ import main
    import __main__

    # Lightning starts the other processes of a run as the module that this one was started as.
    __main__.__spec__ = find_spec(main.__module__)
    sys.argv = ["transcribe train", *options.overrides]
    main()
    return DONE
