"""Weights between two: of a run, and of the run that went on from it.

    python -m recipes.average BEFORE AFTER --share 0.7 --out OUT

Every weight is ``share`` of the one after and the rest of the one before. Two networks of
which one began as the other lie in one valley, and what lies between them is mostly better
than either on sounds that neither knows [1]_. Settings and provenance are those of ``AFTER``,
with steps and hours of music added up.

References
----------
.. [1] M. Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from transcribe.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from transcribe.errors import CheckpointError, TranscribeError

_ADDED_UP = {"steps": int, "hours_of_music": float}


def average(before: Checkpoint, after: Checkpoint, share: float) -> Checkpoint:
    """``after``, each of its weights drawn towards ``before``.

    Parameters
    ----------
    before, after : Checkpoint
        Of one network.
    share : float
        Of ``after``, 0 to 1.

    Raises
    ------
    CheckpointError
        They are not of one network, or were exported.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share is 0 to 1; found {share}")
    networks = before.trainable, after.trainable
    if networks[0].config != networks[1].config or before.features != after.features:
        raise CheckpointError("expected two checkpoints of one network; found two networks")
    old, new = (network.state_dict() for network in networks)
    for name, tensor in new.items():
        if tensor.is_floating_point():
            tensor.copy_((1 - share) * old[name] + share * tensor)
    for key, kind in _ADDED_UP.items():
        if key in before.metadata and key in after.metadata:
            total = kind(before.metadata[key]) + kind(after.metadata[key])
            after.metadata[key] = f"{total:.1f}" if kind is float else str(total)
    return after


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments say; 0, or 1 with one line if a file is not as promised."""
    parser = argparse.ArgumentParser(
        prog="recipes.average",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--share", type=float, default=0.7, help="of AFTER, 0 to 1")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    if not 0 <= options.share <= 1:
        parser.error(f"--share is 0 to 1; found {options.share:g}")
    try:
        mean = average(
            load_checkpoint(options.before), load_checkpoint(options.after), options.share
        )
        save_checkpoint(mean, options.out)
    except TranscribeError as error:
        print(f"recipes.average: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
