"""harmonica-amt as its command runs it: weights of one size, all in the package.

It hears one pitched instrument of any kind. It writes the ends of what sounds (its labels
are prolonged by the sustain pedal), velocities, and no pedal.
"""

from __future__ import annotations

from collections.abc import Callable


def load(n_threads: int, size: str) -> Callable[[str, str], None]:
    """Load the network once, on the CPU; ``size`` is one of ``harmonica.SIZES``."""
    import torch
    from harmonica import Harmonica

    torch.set_num_threads(n_threads)
    model = Harmonica(size, device="cpu")

    def transcribe(audio: str, midi: str) -> None:
        model.transcribe(audio).save_midi(midi)

    return transcribe
