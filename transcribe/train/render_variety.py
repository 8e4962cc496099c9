"""How differently an instrument responds from one rendered window to the next."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from transcribe.synthesis.dampers import DEEPEST
from transcribe.synthesis.render_config import RenderConfig
from transcribe.train.checking import refuse_no_range, refuse_outside


@dataclass
class RenderVariety:
    """Ranges from which the `RenderConfig` of each rendered window is drawn."""

    velocity_exponent: list[float] = field(default_factory=lambda: [1.7, 3.5])
    release_factor: list[float] = field(default_factory=lambda: [0.5, 2.0])
    """Multiplies both release times."""
    note_level_db: float = 1.0
    layer_shift: list[float] = field(default_factory=lambda: [0.0, 0.0])
    layer_spread: float = 0.0
    """Upper end; the lower is 0."""
    key_noise: float = 0.01
    """Upper end; the lower is 0."""
    pedal_noise: float = 0.02
    """Upper end; the lower is 0."""
    resonance: float = 0.4
    """Upper end; the lower is 0."""
    damper_lead: float = 0.0
    """Upper end; the lower is 0. Seconds."""
    damper_early: float = 0.0
    """Upper end; the lower is 0. Seconds."""
    damper_buzz: float = 0.0
    """Upper end; the lower is 0."""
    restrike_keep: float = 0.0
    """Upper end; the lower is 0."""
    release_tail: float = 0.0
    """Upper end; the lower is 0."""
    half_pedal: float = 0.0
    """Share of the windows whose dampers follow the depth of the pedal; elsewhere `damper_lead`
    and `damper_early` move them."""
    dampers_touch: list[float] = field(default_factory=lambda: [40.0, 110.0])
    dampers_reach: list[float] = field(default_factory=lambda: [10.0, 60.0])
    """How much less deep the pedal is where dampers lie on the strings, as far as it goes."""
    pedal_travel: list[float] = field(default_factory=lambda: [0.01, 0.15])
    octaves: float = 0.0
    """Upper end; the lower is 0. Share of the notes that are doubled in octaves, in every
    other window."""

    def check(self) -> None:
        """Raise SettingsError for ranges that no `RenderConfig` can be drawn from."""
        group = "data.variety"
        above_0 = ("velocity_exponent", "release_factor", "pedal_travel")
        refuse_no_range(group, self, *above_0, "dampers_touch", "dampers_reach", above=0)
        refuse_no_range(group, self, "layer_shift", above=-math.inf)
        shares = ("key_noise", "pedal_noise", "restrike_keep", "release_tail")
        refuse_outside(group, self, **dict.fromkeys((*shares, "half_pedal", "octaves"), (0, 1)))
        amounts = ("note_level_db", "layer_spread", "resonance")
        dampers = ("damper_lead", "damper_early", "damper_buzz")
        refuse_outside(group, self, **dict.fromkeys((*amounts, *dampers), (0, math.inf)))
        refuse_outside(group, self, dampers_touch=(0, DEEPEST))

    def draw(self, rng: np.random.Generator, *, releases: bool) -> tuple[RenderConfig, bool]:
        """Settings of one window, and whether recorded key releases are mixed into it.

        ``releases`` says whether there are any; half of the windows have them.
        """
        defaults = RenderConfig()
        low, high = np.log(self.release_factor)
        softest, steepest = self.velocity_exponent
        softer, harder = self.layer_shift
        factor = float(np.exp(rng.uniform(low, high)))
        touch = rest = 0.0
        if self.half_pedal and rng.uniform() < self.half_pedal:
            shallow, deep = self.dampers_touch
            least, most = self.dampers_reach
            touch = float(rng.uniform(shallow, deep))
            rest = max(0.0, touch - float(rng.uniform(least, most)))
        quick, slow = np.log(self.pedal_travel)
        with_releases = releases and bool(rng.uniform() < 0.5)
        config = RenderConfig(
            velocity_exponent=float(rng.uniform(softest, steepest)),
            release_bass=defaults.release_bass * factor,
            release_treble=defaults.release_treble * factor,
            note_level_db=self.note_level_db,
            layer_shift=float(rng.uniform(softer, harder)),
            layer_spread=float(rng.uniform(0, self.layer_spread)),
            key_noise=float(rng.uniform(0, self.key_noise)),
            pedal_noise=float(rng.uniform(0, self.pedal_noise)),
            resonance=float(rng.uniform(0, self.resonance)),
            damper_lead=float(rng.uniform(0, self.damper_lead)),
            damper_early=float(rng.uniform(0, self.damper_early)),
            damper_buzz=float(rng.uniform(0, self.damper_buzz)),
            restrike_keep=float(rng.uniform(0, self.restrike_keep)),
            release_tail=float(rng.uniform(0, self.release_tail)),
            dampers_touch=touch,
            dampers_rest=rest,
            pedal_travel=float(np.exp(rng.uniform(quick, slow))),
        )
        return config, with_releases
