"""How an instrument responds to keys and pedal: the settings of the renderer."""

from __future__ import annotations

from dataclasses import dataclass

from transcribe.notes import LOWEST_PITCH
from transcribe.synthesis.dampers import DEEPEST

_NEVER_NEGATIVE = (
    "velocity_exponent",
    "key_detune_cents",
    "note_level_db",
    "resonance",
    "damper_lead",
    "damper_early",
    "damper_buzz",
    "layer_spread",
    "pedal_travel",
)
_SHARES = ("key_noise", "pedal_noise", "restrike_keep", "release_tail")


@dataclass
class RenderConfig:
    """How an instrument responds to keys and pedal."""

    velocity_exponent: float = 2.2
    """Amplitude is (velocity / 127) ** exponent; pianos lie between 1.5 and 3.5."""
    gain_db: float = 0.0
    """Added to the level; at 0 a forte chord peaks about 6 dB below full scale."""
    release_bass: float = 0.15
    """Seconds in which a damped A0 falls to 1/e."""
    release_treble: float = 0.05
    """The same for the highest damped pitch; those between lie on a geometric line."""
    highest_damped_pitch: int = 89
    """Above this pitch (F6) strings have no dampers and ring on."""
    release_tail: float = 0.0
    """Share of a string's sound that its damper takes 8 times longer to end, 0 to 1."""
    restrike_fade: float = 0.025
    """Seconds in which a string's sound ends when it is struck again."""
    restrike_keep: float = 0.0
    """Of the sound of a string that rings on when it is struck again, its damper up all the
    time, the most that stays beside the new sound, 0 to 1; how much differs from note to note."""
    tuning_cents: float = 0.0
    """Deviation of the whole instrument from A440. A change of tuning costs making every
    voice again; `transcribe.train.augment.detuning.detune` is quicker and moves the labels."""
    key_detune_cents: float = 0.0
    """Standard deviation of the tuning of single keys."""
    note_level_db: float = 0.0
    """Standard deviation of the level of single notes."""
    layer_shift: float = 0.0
    """Velocities by which notes are played with the timbre of harder (or, below 0, softer)
    ones; their level stays. It moves the borders between an instrument's recorded dynamics."""
    layer_spread: float = 0.0
    """Standard deviation of the same from note to note."""
    key_noise: float = 0.0
    """Thump of a released key relative to a loud note: 0 none, 0.02 audible, at most 1."""
    pedal_noise: float = 0.0
    """Thump of the pedal going down and up; as `key_noise`."""
    resonance: float = 0.0
    """Sympathetic resonance of the strings that the pedal frees: 0 none, 0.1 as in a grand;
    gain at the frequency where it is largest."""
    damper_lead: float = 0.0
    """Seconds by which dampers leave the strings before the pedal counts as down: it counts
    from CC64 = 64 on, which is half its way. MAESTRO's pianists need 20 to 40 ms from CC64 = 30
    to there (`eval.accuracy.pedals`)."""
    damper_early: float = 0.0
    """Seconds by which dampers touch the strings before the pedal counts as up. MAESTRO's
    pianists need 20 to 50 ms from CC64 = 100 to 64 (`eval.accuracy.pedals`)."""
    damper_buzz: float = 0.0
    """Level of the buzz as dampers touch strings, relative to the strings' sound then and never
    above it; it differs from note to note and from key to key."""
    dampers_touch: float = 0.0
    """Depth of the pedal, as CC64, above which dampers are off the strings; 0: they are off
    while the pedal counts as down, and `damper_lead` and `damper_early` say what happens around."""
    dampers_rest: float = 0.0
    """Depth below which they lie on the strings; between the two they press the harder the less
    deep the pedal is."""
    pedal_travel: float = 0.03
    """Seconds that a pedal needs to go down which MIDI says is down at once."""
    seed: int = 0
    """Chooses what is random above; the same seed gives the same rendering."""

    def __post_init__(self) -> None:
        for name in ("release_bass", "release_treble", "restrike_fade"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is a time above 0 s; found {getattr(self, name)}")
        for name in _NEVER_NEGATIVE:
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} may not be negative; found {getattr(self, name)}")
        for name in _SHARES:
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is 0 to 1; found {getattr(self, name)}")
        if not 0 <= self.dampers_rest <= self.dampers_touch <= DEEPEST or (
            self.dampers_touch and self.dampers_rest == self.dampers_touch
        ):
            raise ValueError(
                "expected 0 <= dampers_rest < dampers_touch <= 127, or both 0; found "
                f"{self.dampers_rest} and {self.dampers_touch}"
            )

    def release_time(self, pitch: int) -> float:
        """Time constant of the damper on a pitch, in seconds."""
        position = (pitch - LOWEST_PITCH) / max(1, self.highest_damped_pitch - LOWEST_PITCH)
        position = min(max(position, 0.0), 1.0)
        return self.release_bass ** (1 - position) * self.release_treble**position
