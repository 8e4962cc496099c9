"""One performance on one instrument: which strings sound when, and what they sound like."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from transcribe.notes import HIGHEST_PITCH, LOWEST_PITCH, N_PITCHES
from transcribe.synthesis.dampers import Dampers, FloatArray
from transcribe.synthesis.mechanical_noise import brushed_felt, string_resonance, thumps
from transcribe.synthesis.performance_arrays import PerformanceArrays
from transcribe.synthesis.render_config import RenderConfig
from transcribe.synthesis.sample_bank import LONGEST_VOICE, SampleBank, Samples, Voice

_RELEASE_TIME_CONSTANTS = 8.0
"""After so many of them a damped string is silent: 69 dB below where it was."""
_RESONANCE_DAMPED = 0.08
"""Seconds in which the strings' resonance falls to 1/e once the pedal is up."""
_PEDAL_TRAVEL = 0.03
"""Seconds in which the pedal frees the strings."""
_BRUSH_LEVEL = 30.0
"""How hard the felt of all dampers brushes the strings as it leaves them: level of the noise
that excites them, relative to the pedal's thump."""
_TAIL_SLOWER, _LONGEST_TAIL = 8.0, 0.6
"""A string's tail falls so many times slower than its sound, but in at most so many seconds
to 1/e."""
_FADING_STEP = 32
"""Samples between those at which a damper's effect is computed; interpolated in between."""
_FFT_STEP = 4096
"""Samples that the length of a transform is a multiple of."""
_KEY_DETUNE, _NOTE_LEVEL, _KEY_NOISE, _PEDAL_NOISE, _DAMPER_NOISE, _LAYER, _BUZZ, _KEPT = range(8)
"""What chance is asked for, each with random numbers of its own."""
_BUZZ_FROM, _BUZZ_DURATION, _BUZZ_DECAY = 0.06, 0.16, 0.04
"""Seconds: where in a recorded note the sound of a touching damper is taken from, how long it
lasts, and in which time it falls to 1/e."""
_BUZZ_SPREAD = 0.7
"""Standard deviation of the logarithm of how loud it is from key to key."""


def _contact_of_felt(table: PerformanceArrays, early: float) -> NDArray[np.float64]:
    """When dampers touch the strings: as the key comes up, or before the pedal counts as up."""
    by_pedal = (table.damped > table.released + 1e-3) & (table.damped < table.restruck - 1e-3)
    return np.where(by_pedal, np.maximum(table.damped - early, table.released), table.damped)


def _next_strike(table: PerformanceArrays) -> NDArray[np.int64]:
    """Index of the next note of the same pitch, for each note; -1 for none."""
    following = np.full(len(table.pitch), -1)
    for key in np.unique(table.pitch):
        index = np.flatnonzero(table.pitch == key)
        following[index[:-1]] = index[1:]
    return following


class _StruckString(NamedTuple):
    """A note as its strings sound; times in seconds, infinity for what does not come."""

    onset: float
    pitch: int
    timbre: int
    """The velocity whose recorded note is heard."""
    gain: float
    damped: float
    """When its damper touches it."""
    key_up: float
    restruck: float
    """When another strike ends it."""
    dimmed: float
    """When another strike leaves it ringing, but softer."""
    kept: float
    """Gain of what rings on then."""
    buzzing: float
    """Level of the damper's buzz."""


class Player:
    """One performance on one instrument; plays any part, and parts equal the whole."""

    def __init__(
        self,
        table: PerformanceArrays,
        bank: SampleBank,
        config: RenderConfig,
        seed: int,
        releases: Mapping[int, Samples] | None = None,
    ) -> None:
        self.table, self.bank, self.config, self.seed = table, bank, config, seed
        self.release_noises = releases or {}
        rate = bank.sample_rate
        n_fade = max(1, round(config.restrike_fade * rate))
        self.fade = np.linspace(1, 0, n_fade, dtype=np.float32)
        self.undamped = table.pitch > config.highest_damped_pitch
        self.dampers = self._dampers()
        self.key_up = table.released
        self.damped = self._damper_contact()
        self.restruck, self.dimmed = table.restruck, np.full(len(table.pitch), np.inf)
        self.kept = config.restrike_keep * self._random(_KEPT).random(len(table.pitch))
        if config.restrike_keep:
            self._keep_ringing()
        self.silenced = self._silenced_at()
        self.curves: dict[int, Samples] = {}
        steps = np.arange(128) / 127
        self.amplitude = (steps**config.velocity_exponent) * 10 ** (config.gain_db / 20)
        tuner = np.random.default_rng((config.seed, _KEY_DETUNE))
        detune = tuner.standard_normal(N_PITCHES) * config.key_detune_cents
        self.cents = np.round(config.tuning_cents + detune, 2).tolist()
        n_buzz = round(_BUZZ_DURATION * rate)
        time = np.arange(n_buzz, dtype=np.float32) / rate
        self.buzz = np.exp(-time / _BUZZ_DECAY) * np.minimum(1, time / 0.004)
        chance = self._random(_BUZZ)
        of_key = np.exp(_BUZZ_SPREAD * chance.standard_normal(N_PITCHES))
        of_note = chance.random(len(table.pitch)) ** 2
        buzzing = config.damper_buzz * of_key[table.pitch - LOWEST_PITCH] * of_note
        self.buzzing = np.minimum(buzzing, 1)
        silent = np.minimum(self.silenced, self.restruck + n_fade / rate)
        buzzes = (self.buzzing > 0) & np.isfinite(self.damped)
        silent[buzzes] = np.maximum(silent, self.damped + _BUZZ_DURATION)[buzzes]
        self.silent = silent + 0.001

    def _keep_ringing(self) -> None:
        """Strings struck again while they ring go on, more softly, beside the new note."""
        table = self.table
        following = _next_strike(table)
        ringing = self.damped >= table.restruck - 1e-3
        rings = np.flatnonzero(ringing & np.isfinite(table.restruck) & (following >= 0))
        self.dimmed[rings] = table.restruck[rings]
        self.damped, self.restruck = self.damped.copy(), self.restruck.copy()
        self.key_up = self.key_up.copy()
        self.restruck[rings] = table.restruck[following[rings]]
        self.damped[rings] = self.damped[following[rings]]
        self.key_up[rings] = self.key_up[following[rings]]

    def _dampers(self) -> Dampers | None:
        """Dampers that follow the pedal's travel; None for those that are on or off."""
        config, table = self.config, self.table
        if not config.dampers_touch:
            return None
        ends = [table.released, table.damped, table.pedal_offset, table.travel.time]
        return Dampers(
            table.travel,
            touch=config.dampers_touch,
            rest=config.dampers_rest,
            travel_time=config.pedal_travel,
            stop=max(float(np.max(times, initial=0.0)) for times in ends),
        )

    def _damper_contact(self) -> FloatArray:
        """When a damper touches the strings of each note; infinity for those without."""
        if self.dampers is None:
            contact = _contact_of_felt(self.table, self.config.damper_early)
        else:
            contact = self.dampers.touched(self.table.released)
        return np.where(self.undamped, np.inf, contact)

    def _silenced_at(self) -> FloatArray:
        """When the damper has silenced each note; infinity for those without."""
        pitches = range(LOWEST_PITCH, HIGHEST_PITCH + 1)
        damping_time = np.array([self._damping_time(p) for p in pitches])
        needed: FloatArray = damping_time[self.table.pitch - LOWEST_PITCH]
        if self.dampers is None:
            return self.damped + needed
        done = self.dampers.reached(self.dampers.damped(self.key_up) + needed)
        return np.where(self.undamped, np.inf, done)

    def n_samples(self) -> int:
        """Length of the whole, until the last note has died away; 0 for no notes."""
        table, rate = self.table, self.bank.sample_rate
        end = float(np.max(self.silenced[~self.undamped], initial=0.0))
        for index in np.flatnonzero(self.undamped).tolist():
            voice = self._voice(int(table.pitch[index]), int(table.velocity[index]))
            end = max(end, float(table.onset[index]) + len(voice.samples) / rate)
        longest = self._longest_thump() / rate
        if self.config.key_noise:
            end = max(end, float(np.max(table.released, initial=0.0)) + longest)
        if self.config.pedal_noise and len(table.pedal_offset):
            end = max(end, float(table.pedal_offset[-1]) + longest)
        return round(end * rate)

    def _longest_thump(self) -> int:
        """Samples."""
        available = (*thumps(self.bank.sample_rate), *self.release_noises.values())
        return max(len(longest) for longest in available)

    def _voice(self, pitch: int, velocity: int) -> Voice:
        return self.bank.voice(pitch, velocity, self.cents[pitch - LOWEST_PITCH])

    def _damping_time(self, pitch: int) -> float:
        """Seconds in which a damper silences a string."""
        own, tail = self._time_constants(pitch)
        return _RELEASE_TIME_CONSTANTS * (tail if self.config.release_tail else own)

    def _time_constants(self, pitch: int) -> tuple[float, float]:
        """Of the sound of a damped string, and of its tail."""
        own = self.config.release_time(pitch)
        return own, max(own, min(_TAIL_SLOWER * own, _LONGEST_TAIL))

    def _left_after(self, pitch: int, damped: FloatArray) -> Samples:
        """Gain of a string after so many seconds under its damper: from 1 to 0."""
        own, tail = self._time_constants(pitch)
        share = self.config.release_tail
        left = (1 - share) * np.exp(-damped / own)
        if share:
            left += share * np.exp(-damped / tail)
        ended = self._damping_time(pitch)
        floor = (1 - share) * math.exp(-ended / own) + share * math.exp(-ended / tail)
        return (np.maximum(left - floor, 0) / (1 - floor)).astype(np.float32)

    def _release_curve(self, pitch: int) -> Samples:
        """Gain of a string once its damper has fallen: from 1 to 0 in `_damping_time` seconds."""
        curve = self.curves.get(pitch)
        if curve is None:
            n_samples = math.ceil(self._damping_time(pitch) * self.bank.sample_rate)
            curve = self._left_after(pitch, np.arange(n_samples) / self.bank.sample_rate)
            self.curves[pitch] = curve
        return curve

    def _damper_gain(self, pitch: int, key_up: float, first: int, n_samples: int) -> Samples:
        """Gain of a string at ``n_samples`` from ``first`` on, its key up since ``key_up``."""
        assert self.dampers is not None
        begin = first // _FADING_STEP
        steps = _FADING_STEP * np.arange(begin, (first + n_samples) // _FADING_STEP + 2)
        lost = self.dampers.damped(np.append(steps / self.bank.sample_rate, key_up))
        left = self._left_after(pitch, np.maximum(lost[:-1] - lost[-1], 0))
        faded = np.interp(np.arange(first, first + n_samples), steps, left)
        return faded.astype(np.float32)

    def _random(self, purpose: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, purpose))

    def play(self, first: int, n_samples: int) -> Samples:
        """Samples ``first`` to ``first + n_samples`` of the rendering."""
        if n_samples == 0 or not (self.config.resonance and len(self.table.pedal_onset)):
            out = self._struck_strings(first, n_samples)
        else:
            # The resonance now depends on what was played before.
            before = min(first, len(string_resonance(self.bank.sample_rate)) + 1)
            struck = self._struck_strings(first - before, before + n_samples)
            out = struck[before:] + self._resonance(struck, first - before)[before:]
        self._add_thumps(out, first)
        return out

    def _resonance(self, struck: Samples, first: int) -> Samples:
        """Sympathetic resonance: how the strings that the pedal frees respond to ``struck``."""
        rate, table = self.bank.sample_rate, self.table
        response = string_resonance(rate)
        n_damped = round(4 * _RESONANCE_DAMPED * rate)
        damping = np.exp(-np.arange(n_damped) / (_RESONANCE_DAMPED * rate)).astype(np.float32)
        n_travel = round(_PEDAL_TRAVEL * rate)
        if self.dampers is None:
            freed = np.maximum(
                table.pedal_onset - self.config.damper_lead,
                np.append(-np.inf, table.pedal_offset[:-1]),
            )
            caught = np.maximum(table.pedal_offset - self.config.damper_early, freed)
        else:
            freed, caught = self.dampers.lifted()
        levels = self._random(_DAMPER_NOISE).random(len(freed))
        brushing = brushed_felt(rate, n_travel) * np.float32(
            _BRUSH_LEVEL * self.config.pedal_noise * 10 ** (self.config.gain_db / 20)
        )
        out = np.zeros_like(struck)
        for onset, offset, level in zip(
            freed.tolist(), caught.tolist(), levels.tolist(), strict=True
        ):
            begin = round(onset * rate) - first
            end = min(round(offset * rate) - first, len(struck))
            low, high = max(begin, 0), end
            if high <= low:
                continue
            position = np.arange(low - begin, min(high - begin, n_travel), dtype=np.float32)
            excitation = struck[low:high].copy()
            excitation[: len(position)] *= position / n_travel
            brushed = brushing[int(level * len(brushing))]
            brushed = brushed[low - begin : low - begin + len(position)]
            excitation[: len(position)] += brushed * level
            stop = min(end + n_damped, len(struck))
            n_fft = -(-(len(excitation) + len(response)) // _FFT_STEP) * _FFT_STEP
            spectrum = np.fft.rfft(excitation, n_fft) * np.fft.rfft(response, n_fft)
            resonance = np.fft.irfft(spectrum, n_fft)[: stop - low].astype(np.float32)
            resonance[end - low :] *= damping[: max(0, stop - end)]
            out[low:stop] += resonance
        return out * np.float32(self.config.resonance)

    def _struck_strings(self, first: int, n_samples: int) -> Samples:
        """The sound of the notes, without resonance and mechanical noise."""
        out = np.zeros(n_samples, np.float32)
        longest = int((LONGEST_VOICE + 1) * self.bank.sample_rate)
        scratch = np.empty(min(n_samples, longest), np.float32)
        for string in self._sounding(first, n_samples):
            self._add_string(out, string, first, scratch)
        return out

    def _sounding(self, first: int, n_samples: int) -> Iterator[_StruckString]:
        """The notes that may sound in a part, in order of their onsets."""
        table, rate = self.table, self.bank.sample_rate
        earliest, latest = first / rate - LONGEST_VOICE - 0.1, (first + n_samples) / rate + 0.1
        begin, stop = np.searchsorted(table.onset, (earliest, latest))
        index = begin + np.flatnonzero(self.silent[begin:stop] > first / rate)
        gains = self.amplitude[table.velocity[index]]
        if self.config.note_level_db:
            deviation = self._random(_NOTE_LEVEL).standard_normal(len(table.onset))[index]
            gains = gains * 10 ** (self.config.note_level_db * deviation / 20)
        timbre = table.velocity[index] + self.config.layer_shift
        if self.config.layer_spread:
            deviation = self._random(_LAYER).standard_normal(len(table.onset))[index]
            timbre = timbre + self.config.layer_spread * deviation
        timbre = np.clip(np.rint(timbre), 1, 127).astype(int)
        columns = (
            table.onset[index],
            table.pitch[index],
            timbre,
            gains,
            self.damped[index],
            self.key_up[index],
            self.restruck[index],
            self.dimmed[index],
            self.kept[index],
            self.buzzing[index],
        )
        for row in zip(*(column.tolist() for column in columns), strict=True):
            yield _StruckString(*row)

    def _add_string(
        self, out: Samples, string: _StruckString, first: int, scratch: Samples
    ) -> None:
        """Add what sounds of a note from the sample ``first`` on."""
        voice = self._voice(string.pitch, string.timbre)
        rate, gain = self.bank.sample_rate, string.gain
        origin = round(string.onset * rate) - voice.attack

        def sample(time: float, otherwise: int) -> int:
            """Of the voice."""
            return round(time * rate) - origin if time < math.inf else otherwise

        audible = voice.audible(gain)
        damp, restrike = sample(string.damped, audible), sample(string.restruck, audible)
        end = min(audible, restrike + len(self.fade))
        if self.dampers is None:
            end = min(end, damp + len(self._release_curve(string.pitch)))
        low, high = max(0, first - origin), min(end, first + len(out) - origin)
        if high > low:
            part = scratch[: high - low]
            np.multiply(voice.samples[low:high], np.float32(gain * voice.scale), out=part)
            self._dim(part, low, sample(string.dimmed, high), string.kept)
            self._damp(part, low, damp, string, origin)
            since = max(low, restrike)
            if since < high:
                part[since - low :] *= self.fade[since - restrike : high - restrike]
            out[origin + low - first : origin + high - first] += part
        if string.buzzing and damp < min(restrike, audible):
            self._add_buzz(out, voice, gain * string.buzzing, damp, origin - first)

    def _dim(self, part: Samples, low: int, dim: int, kept: float) -> None:
        """Soften a part of a voice that begins at ``low`` from ``dim`` on."""
        high = low + len(part)
        if dim < high:
            since = max(low, dim)
            fade = self.fade[since - dim : high - dim]
            part[since - low : since - low + len(fade)] *= kept + (1 - kept) * fade
            part[since - low + len(fade) :] *= kept

    def _damp(self, part: Samples, low: int, damp: int, string: _StruckString, origin: int) -> None:
        """Let the damper fall at ``damp`` on a part of a voice that begins at ``low``."""
        high = low + len(part)
        since = max(low, damp)
        if since >= high:
            return
        if self.dampers is None:
            part[since - low :] *= self._release_curve(string.pitch)[since - damp : high - damp]
        else:
            part[since - low :] *= self._damper_gain(
                string.pitch, string.key_up, origin + since, high - since
            )

    def _add_buzz(self, out: Samples, voice: Voice, gain: float, damp: int, origin: int) -> None:
        """The buzz of a string that its damper touches: some of its sound again, soft and short."""
        source = voice.attack + round(_BUZZ_FROM * self.bank.sample_rate)
        low = max(0, -(origin + damp))
        high = min(len(self.buzz), len(voice.samples) - source, len(out) - origin - damp)
        if damp < source or high <= low:
            return
        faded = voice.decay_at(damp) / voice.decay_at(source)
        part = voice.samples[source + low : source + high] * self.buzz[low:high]
        out[origin + damp + low : origin + damp + high] += part * np.float32(
            gain * voice.scale * faded
        )

    def _add_thumps(self, out: Samples, first: int) -> None:
        """Noise of keys that come up and of the pedal moving."""
        table, gain = self.table, 10 ** (self.config.gain_db / 20)
        lifted = (table.pedal_onset, table.pedal_offset)
        pedal = np.sort(np.concatenate(lifted if self.dampers is None else self.dampers.lifted()))
        for times, level, purpose in (
            (table.released, self.config.key_noise, _KEY_NOISE),
            (pedal, self.config.pedal_noise, _PEDAL_NOISE),
        ):
            if level == 0:
                continue
            recorded = self.release_noises if purpose == _KEY_NOISE else {}
            available = thumps(self.bank.sample_rate)
            longest = self._longest_thump()
            choice = self._random(purpose).random((2, len(times)))
            starts = np.round(times * self.bank.sample_rate).astype(np.int64) - first
            audible = np.flatnonzero((starts < len(out)) & (starts > -longest))
            for index in audible.tolist():
                thump = available[int(choice[0, index] * len(available))]
                if recorded:
                    thump = recorded.get(int(table.pitch[index]), thump)
                start = int(starts[index])
                low, high = max(0, -start), min(len(thump), len(out) - start)
                if high <= low:
                    continue
                loudness = np.float32(level * gain * (0.3 + 0.7 * choice[1, index]))
                out[start + low : start + high] += thump[low:high] * loudness
