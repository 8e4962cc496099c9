"""The targets by name: which module makes their items, and what they read.

A target's module has two functions:

    encode(performance: Performance, settings: Settings, *, target: str) -> Encoded
    decode(item: Item, *, target: str) -> Performance

`decode` puts an item back, in seconds from the start of the *recording*, from nothing but
the item's content and its ``about``, so that the round trip goes through what is written.
Modules are imported when they are first used, and import packages of an extra within
`transcribe.extras.needing`, which names the extra where one is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from transcribe.extras import needing
from transcribe.notes import Performance

if TYPE_CHECKING:
    from transcribe.tokens.encoded import Encoded, Item, Settings


@dataclass(frozen=True, slots=True)
class Target:
    """One generator, or family of them, to feed."""

    name: str
    module: str
    """In this package."""
    reads: str
    """What it reads, for the help."""
    package: str | None = None
    """What its module imports beyond the base install."""
    extra: str = "tokens"
    """The extra that brings the package."""

    def check_installed(self) -> None:
        """Raise the TranscribeError that names the extra, if the package is missing."""
        if self.package is not None and find_spec(self.package) is None:
            with needing(self.extra, self.package):
                raise ModuleNotFoundError(name=self.package)


TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        Target("melody-rnn", "melody_rnn", "a melody on a 16th grid, for MelodyRNN"),
        Target("music-vae", "music_vae", "melodies of 2 and 16 bars and trios, for MusicVAE"),
        Target("groovae", "groovae", "quantised onsets with micro-timing, for GrooVAE"),
        Target("coconet", "coconet", "a soprano line and four-voice rolls, for Coconet"),
        Target("abc", "abc", "ABC text, for character networks"),
        Target("performance-rnn", "performance_events", "events of 10 ms, for Performance RNN"),
        Target("music-transformer", "performance_events", "the same, for Music Transformer"),
        Target("remi", "miditok_ids", "REMI token ids", "miditok"),
        Target("tsd", "miditok_ids", "TSD token ids", "miditok"),
        Target("midi-like", "miditok_ids", "MIDI-like token ids", "miditok"),
        Target("compound-word", "miditok_ids", "compound word token ids", "miditok"),
    )
}


def encode(target: str, performance: Performance, settings: Settings | None = None) -> Encoded:
    """What a target reads, made of a performance.

    Parameters
    ----------
    target : str
        A name of `TARGETS`.
    performance : Performance
        Notes with key releases, and the pedal.
    settings : Settings, optional
        Tempo and metre, where the user knows them.

    Raises
    ------
    TranscribeError
        A package is missing; the message names the extra that brings it.
    ValueError
        There is no such target.
    """
    from transcribe.tokens.encoded import Settings

    encoded: Encoded = _module(target).encode(performance, settings or Settings(), target=target)
    return encoded


def decode(target: str, item: Item) -> Performance:
    """The performance that an item of a target says, at its place in the recording."""
    performance: Performance = _module(target).decode(item, target=target)
    return performance


def _module(target: str) -> Any:
    if target not in TARGETS:
        raise ValueError(f"a target is one of {', '.join(TARGETS)}; found {target!r}")
    return import_module(f"transcribe.tokens.{TARGETS[target].module}")
