"""transkun as its command runs it: the weights in the package, its own segments.

It writes key releases and the pedals as controllers, 64 the sustain pedal.
"""

from __future__ import annotations

from collections.abc import Callable


def load(n_threads: int) -> Callable[[str, str], None]:
    """Load the network once, on the CPU."""
    from importlib.resources import files

    import moduleconf
    import soxr
    import torch
    from transkun.Data import writeMidi
    from transkun.transcribe import readAudio

    torch.set_num_threads(n_threads)
    torch.set_grad_enabled(False)
    folder = files("transkun") / "pretrained"
    settings = moduleconf.parseFromFile(str(folder / "2.0.conf"))["Model"]
    weights = torch.load(str(folder / "2.0.pt"), map_location="cpu")
    model = settings.module.TransKun(conf=settings.config)
    model.load_state_dict(weights.get("best_state_dict") or weights["state_dict"], strict=False)
    model.eval()

    def transcribe(audio: str, midi: str) -> None:
        sample_rate, samples = readAudio(audio)
        if sample_rate != model.fs:
            samples = soxr.resample(samples, sample_rate, model.fs)
        notes = model.transcribe(torch.from_numpy(samples), discardSecondHalf=False)
        writeMidi(notes).write(midi)

    return transcribe
