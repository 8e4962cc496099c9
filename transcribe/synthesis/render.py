"""A performance played on a sampled instrument: notes and pedal in, audio out.

Conventions
-----------
Sample 0 of a rendering is second 0 of the performance. A note's attack is placed at its
onset rounded to a sample. Levels are absolute: nothing is normalised after the fact, so a
part of a rendering is equal to the same part of the whole.
"""

from __future__ import annotations

import math
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transcribe.audio.reader import read_audio
from transcribe.errors import InstrumentError, MidiError, TranscribeError
from transcribe.midi import read_midi
from transcribe.notes import HIGHEST_PITCH, LOWEST_PITCH, N_PITCHES, Performance, sustained
from transcribe.synthesis.dampers import DEEPEST, Dampers, FloatArray, PedalTravel
from transcribe.synthesis.mechanical_noise import answering_strings, brushed_felt, thumps
from transcribe.synthesis.sample_bank import LONGEST_VOICE, SampleBank, Samples, Voice

_RELEASE_TIME_CONSTANTS = 8.0
_RESONANCE_DAMPED = 0.08
_PEDAL_TRAVEL = 0.03
_DAMPER_SIGH = 30.0
"""How hard the felt of all dampers brushes the strings as it leaves them: level of the noise
that sets them ringing, beside the pedal's knock."""
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
_TAIL_SLOWER, _LONGEST_TAIL = 8.0, 0.6
"""A string's tail falls so many times slower than its sound, but in at most so many seconds
to 1/e."""
_FADING_STEP = 32
"""Samples between those at which it is told how far a string is damped."""
_FFT_STEP = 4096
_KEY_DETUNE, _NOTE_LEVEL, _KEY_NOISE, _PEDAL_NOISE, _DAMPER_NOISE, _LAYER, _BUZZ, _KEPT = range(8)
_BUZZ_FROM, _BUZZ_DURATION, _BUZZ_DECAY = 0.06, 0.16, 0.04
"""Seconds: where in a recorded note the sound of a touching damper is taken from, how long it
lasts, and in which time it falls to 1/e."""
_BUZZ_SPREAD = 0.7
"""Standard deviation of the logarithm of how loud it is from key to key."""


@dataclass
class RenderConfig:
    """How an instrument answers to keys and pedal."""

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
    voice again; `transcribe.train.augment.window.detune` is quicker and moves the labels."""
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
    """How loudly the strings that the pedal frees answer to what is played: 0 not at all,
    0.1 as in a grand; gain at the frequency to which they answer most."""
    damper_lead: float = 0.0
    """Seconds by which dampers leave the strings before the pedal counts as down: it counts
    from CC64 = 64 on, which is half its way. MAESTRO's pianists need 20 to 40 ms from CC64 = 30
    to there (`eval.accuracy.pedals`)."""
    damper_early: float = 0.0
    """Seconds by which dampers touch the strings before the pedal counts as up. MAESTRO's
    pianists need 20 to 50 ms from CC64 = 100 to 64 (`eval.accuracy.pedals`)."""
    damper_buzz: float = 0.0
    """How loudly strings answer to the dampers that touch them, relative to how they sound then
    and never louder; some notes and some keys answer louder than others."""
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


@dataclass(frozen=True, slots=True)
class NoteTable:
    """A performance as arrays, so that any part of it is found quickly.

    All of shape (n_notes,), sorted by onset, except the pedal's (n_presses,).
    """

    onset: NDArray[np.float64]
    released: NDArray[np.float64]
    """When the key comes up."""
    damped: NDArray[np.float64]
    """When the damper falls: key up and pedal up."""
    restruck: NDArray[np.float64]
    """When the same pitch is struck again; infinity for never."""
    pitch: NDArray[np.int16]
    velocity: NDArray[np.int16]
    pedal_onset: NDArray[np.float64]
    pedal_offset: NDArray[np.float64]
    travel: PedalTravel = field(default_factory=lambda: PedalTravel.of_presses(()))
    """How far down the pedal is; only `RenderConfig.dampers_touch` asks for it."""

    @classmethod
    def of(cls, performance: Performance, travel: PedalTravel | None = None) -> NoteTable:
        """Apply the sustain pedal and lay out the notes.

        Without ``travel`` the pedal is all the way down or up.
        """
        prolonged = sustained(performance).notes
        notes = performance.notes
        return cls.of_columns(
            onset=np.array([note.onset for note in notes], np.float64),
            released=np.array([note.offset for note in notes], np.float64),
            damped=np.array([note.offset for note in prolonged], np.float64),
            pitch=np.array([note.pitch for note in notes], np.int16),
            velocity=np.array([note.velocity for note in notes], np.int16),
            pedal_onset=np.array([press.onset for press in performance.pedal], np.float64),
            pedal_offset=np.array([press.offset for press in performance.pedal], np.float64),
            travel=PedalTravel.of_presses(performance.pedal) if travel is None else travel,
        )

    @classmethod
    def of_columns(
        cls,
        *,
        onset: NDArray[np.float64],
        pitch: NDArray[np.int16],
        **columns: Any,
    ) -> NoteTable:
        """From all columns but ``restruck``, sorted by onset."""
        restruck = np.full(len(onset), np.inf)
        for key in np.unique(pitch):
            index = np.flatnonzero(pitch == key)
            following = np.append(onset[index][1:], np.inf)
            restruck[index] = np.where(following > onset[index], following, np.inf)
        return cls(onset=onset, pitch=pitch, restruck=restruck, **columns)


def render(
    performance: Performance | NoteTable,
    bank: SampleBank,
    config: RenderConfig | None = None,
    *,
    start: float = 0.0,
    duration: float | None = None,
    rng: np.random.Generator | None = None,
    releases: Mapping[int, Samples] | None = None,
) -> Samples:
    """Play a performance, or the part of it from ``start`` for ``duration`` seconds.

    A note ends when key and pedal are up (`transcribe.notes.sustained`), fading as a
    damper lets it; strings above `RenderConfig.highest_damped_pitch` ring on. Notes that
    began before ``start`` and still sound are heard from within.

    Parameters
    ----------
    performance : Performance or NoteTable
        A `NoteTable` is quicker when many parts of one performance are rendered.
    bank : SampleBank
    config : RenderConfig, optional
    start, duration : float
        In seconds; by default everything, until the last note has died away.
    rng : numpy.random.Generator, optional
        Gives the seed of the notes' levels and the knocks, instead of the config's own;
        the tuning of the keys belongs to the instrument and follows the config.
    releases : mapping of int to np.ndarray, optional
        For pitches what their keys sound like as they come up, such as
        `mechanism.load_releases` reads, in place of synthesised thumps.

    Returns
    -------
    np.ndarray
        Mono float32 at the bank's sample rate, shape (n_samples,). Peaks of dense
        fortissimo may exceed 1.
    """
    table = performance if isinstance(performance, NoteTable) else NoteTable.of(performance)
    config = config or RenderConfig()
    if start < 0 or (duration is not None and duration < 0):
        raise ValueError(f"start and duration are 0 s or more; found {start} and {duration}")
    seed = config.seed if rng is None else int(rng.integers(2**63))
    player = _Player(table, bank, config, seed, releases)
    first = round(start * bank.sample_rate)
    if duration is None:
        stop = player.n_samples()
    else:
        stop = round((start + duration) * bank.sample_rate)
    return player.play(first, max(0, stop - first))


def render_blocks(
    performance: Performance | NoteTable,
    bank: SampleBank,
    config: RenderConfig | None = None,
    *,
    block_duration: float = 30.0,
) -> Iterator[Samples]:
    """Yield what `render` returns in blocks, so that hours need little memory."""
    table = performance if isinstance(performance, NoteTable) else NoteTable.of(performance)
    config = config or RenderConfig()
    block = round(block_duration * bank.sample_rate)
    if block < 1:
        raise ValueError(f"a block lasts at least a sample; found {block_duration} s")
    player = _Player(table, bank, config, config.seed)
    n_samples = player.n_samples()
    for first in range(0, n_samples, block):
        yield player.play(first, min(block, n_samples - first))


def n_rendered(
    performance: Performance | NoteTable, bank: SampleBank, config: RenderConfig | None = None
) -> int:
    """How many samples `render` and `render_blocks` return of a whole performance."""
    table = performance if isinstance(performance, NoteTable) else NoteTable.of(performance)
    config = config or RenderConfig()
    return _Player(table, bank, config, config.seed).n_samples()


def render_midi(midi_path: Path, bank: SampleBank, config: RenderConfig | None = None) -> Samples:
    """Read a MIDI file and play it whole; samples as from `render`."""
    return render(read_midi(midi_path), bank, config)


def render_soundfont(midi_path: Path, soundfont_path: Path, *, sample_rate: int = 16000) -> Samples:
    """Play a MIDI file on a SoundFont with the ``fluidsynth`` program.

    Returns
    -------
    np.ndarray
        Mono float32 at ``sample_rate``, shape (n_samples,).

    Raises
    ------
    InstrumentError
        If FluidSynth is not installed or fails, or the file is no SoundFont.
    MidiError
        If the file is no MIDI file.
    """
    program = shutil.which("fluidsynth")
    if program is None:
        raise InstrumentError(
            "SoundFonts need the program fluidsynth, which was not found; install it "
            "(on Debian: apt install fluidsynth) or render with a sample bank"
        )
    _check_header(soundfont_path, b"RIFF....sfbk", "a SoundFont", InstrumentError)
    _check_header(midi_path, b"MThd", "a MIDI file", MidiError)
    with tempfile.TemporaryDirectory() as folder:
        wav_path = Path(folder) / "render.wav"
        command = [program, "-n", "-i", "-q", "-g", "0.8", "-r", "44100", "-F", str(wav_path)]
        done = subprocess.run(
            [*command, str(soundfont_path), str(midi_path)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0 or not wav_path.is_file():
            reason = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no message"]
            raise InstrumentError(f"{soundfont_path}: fluidsynth failed: {reason[0]}")
        return read_audio(wav_path, sample_rate)


def _check_header(path: Path, pattern: bytes, what: str, error: type[TranscribeError]) -> None:
    """FluidSynth renders silence from a file that it can't read; refuse it instead."""
    try:
        with path.open("rb") as file:
            header = file.read(len(pattern))
    except OSError as cause:
        raise error(f"{path}: expected {what}; {cause.strerror}") from cause
    if not re.fullmatch(pattern, header, re.DOTALL):
        raise error(f"{path}: expected {what}; found another kind of file")


def _touched(table: NoteTable, early: float) -> NDArray[np.float64]:
    """When dampers touch the strings: as the key comes up, or before the pedal counts as up."""
    by_pedal = (table.damped > table.released + 1e-3) & (table.damped < table.restruck - 1e-3)
    return np.where(by_pedal, np.maximum(table.damped - early, table.released), table.damped)


def _following(table: NoteTable) -> NDArray[np.int64]:
    """For every note, which one next strikes the same pitch; -1 for none."""
    following = np.full(len(table.pitch), -1)
    for key in np.unique(table.pitch):
        index = np.flatnonzero(table.pitch == key)
        following[index[:-1]] = index[1:]
    return following


class _Player:
    """One performance on one instrument; plays any part, and parts equal the whole."""

    def __init__(
        self,
        table: NoteTable,
        bank: SampleBank,
        config: RenderConfig,
        seed: int,
        releases: Mapping[int, Samples] | None = None,
    ) -> None:
        self.table, self.bank, self.config, self.seed = table, bank, config, seed
        self.knocks = releases or {}
        rate = bank.sample_rate
        n_fade = max(1, round(config.restrike_fade * rate))
        self.fade = np.linspace(1, 0, n_fade, dtype=np.float32)
        self.undamped = table.pitch > config.highest_damped_pitch
        self.dampers = self._dampers()
        self.key_up = table.released
        self.damped = self._touched()
        self.restruck, self.dimmed = table.restruck, np.full(len(table.pitch), np.inf)
        self.kept = config.restrike_keep * self._random(_KEPT).random(len(table.pitch))
        if config.restrike_keep:
            self._keep_on()
        self.released = self._silenced()
        self.silent = np.minimum(self.released, self.restruck + n_fade / rate) + 0.001
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

    def _keep_on(self) -> None:
        """Strings struck again while they ring are dimmed then, and go on with the new note."""
        table = self.table
        following = _following(table)
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

    def _touched(self) -> FloatArray:
        """When a damper touches the strings of each note; infinity for those without."""
        if self.dampers is None:
            touched = _touched(self.table, self.config.damper_early)
        else:
            touched = self.dampers.touched(self.table.released)
        return np.where(self.undamped, np.inf, touched)

    def _silenced(self) -> FloatArray:
        """When it has silenced them."""
        pitches = range(LOWEST_PITCH, HIGHEST_PITCH + 1)
        silencing = np.array([self._silencing(p) for p in pitches])
        needed: FloatArray = silencing[self.table.pitch - LOWEST_PITCH]
        if self.dampers is None:
            return self.damped + needed
        done = self.dampers.reached(self.dampers.damped(self.key_up) + needed)
        return np.where(self.undamped, np.inf, done)

    def n_samples(self) -> int:
        """Length of the whole, until the last note has died away; 0 for no notes."""
        table, rate = self.table, self.bank.sample_rate
        end = float(np.max(self.released[~self.undamped], initial=0.0))
        for index in np.flatnonzero(self.undamped).tolist():
            voice = self._voice(int(table.pitch[index]), int(table.velocity[index]))
            end = max(end, float(table.onset[index]) + len(voice.samples) / rate)
        knock = self._longest_knock() / rate
        if self.config.key_noise:
            end = max(end, float(np.max(table.released, initial=0.0)) + knock)
        if self.config.pedal_noise and len(table.pedal_offset):
            end = max(end, float(table.pedal_offset[-1]) + knock)
        return round(end * rate)

    def _longest_knock(self) -> int:
        """Samples."""
        knocks = (*thumps(self.bank.sample_rate), *self.knocks.values())
        return max(len(knock) for knock in knocks)

    def _voice(self, pitch: int, velocity: int) -> Voice:
        return self.bank.voice(pitch, velocity, self.cents[pitch - LOWEST_PITCH])

    def _silencing(self, pitch: int) -> float:
        """Seconds in which a damper silences a string."""
        own, tail = self._time_constants(pitch)
        return _RELEASE_TIME_CONSTANTS * (tail if self.config.release_tail else own)

    def _time_constants(self, pitch: int) -> tuple[float, float]:
        """Of the sound of a damped string, and of its tail."""
        own = self.config.release_time(pitch)
        return own, max(own, min(_TAIL_SLOWER * own, _LONGEST_TAIL))

    def _fallen(self, pitch: int, damped: FloatArray) -> Samples:
        """What is left of a string after so many seconds of its damper: from 1 to 0."""
        own, tail = self._time_constants(pitch)
        share = self.config.release_tail
        left = (1 - share) * np.exp(-damped / own)
        if share:
            left += share * np.exp(-damped / tail)
        ended = self._silencing(pitch)
        floor = (1 - share) * math.exp(-ended / own) + share * math.exp(-ended / tail)
        return (np.maximum(left - floor, 0) / (1 - floor)).astype(np.float32)

    def _release(self, pitch: int) -> Samples:
        """What a damper does that falls: from 1 to 0 as long as `_silencing` says."""
        curve = self.curves.get(pitch)
        if curve is None:
            n_samples = math.ceil(self._silencing(pitch) * self.bank.sample_rate)
            curve = self._fallen(pitch, np.arange(n_samples) / self.bank.sample_rate)
            self.curves[pitch] = curve
        return curve

    def _fading(self, pitch: int, key_up: float, first: int, n_samples: int) -> Samples:
        """What the dampers leave of a string at samples ``first`` and after, its key up since."""
        assert self.dampers is not None
        begin = first // _FADING_STEP
        steps = _FADING_STEP * np.arange(begin, (first + n_samples) // _FADING_STEP + 2)
        lost = self.dampers.damped(np.append(steps / self.bank.sample_rate, key_up))
        left = self._fallen(pitch, np.maximum(lost[:-1] - lost[-1], 0))
        faded = np.interp(np.arange(first, first + n_samples), steps, left)
        return faded.astype(np.float32)

    def _random(self, purpose: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, purpose))

    def play(self, first: int, n_samples: int) -> Samples:
        """Samples ``first`` to ``first + n_samples`` of the rendering."""
        if n_samples == 0 or not (self.config.resonance and len(self.table.pedal_onset)):
            out = self._strings(first, n_samples)
        else:
            # What strings answer now depends on what was played before.
            before = min(first, len(answering_strings(self.bank.sample_rate)) + 1)
            struck = self._strings(first - before, before + n_samples)
            out = struck[before:] + self._resonance(struck, first - before)[before:]
        self._add_thumps(out, first)
        return out

    def _resonance(self, struck: Samples, first: int) -> Samples:
        """What the strings that the pedal has freed answer to ``struck``."""
        rate, table = self.bank.sample_rate, self.table
        response = answering_strings(rate)
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
        sighs = self._random(_DAMPER_NOISE).random(len(freed))
        brushing = brushed_felt(rate, n_travel) * np.float32(
            _DAMPER_SIGH * self.config.pedal_noise * 10 ** (self.config.gain_db / 20)
        )
        out = np.zeros_like(struck)
        for onset, offset, sigh in zip(
            freed.tolist(), caught.tolist(), sighs.tolist(), strict=True
        ):
            begin = round(onset * rate) - first
            end = min(round(offset * rate) - first, len(struck))
            low, high = max(begin, 0), end
            if high <= low:
                continue
            position = np.arange(low - begin, min(high - begin, n_travel), dtype=np.float32)
            heard = struck[low:high].copy()
            heard[: len(position)] *= position / n_travel
            brushed = brushing[int(sigh * len(brushing))]
            heard[: len(position)] += brushed[low - begin : low - begin + len(position)] * sigh
            stop = min(end + n_damped, len(struck))
            n_fft = -(-(len(heard) + len(response)) // _FFT_STEP) * _FFT_STEP
            spectrum = np.fft.rfft(heard, n_fft) * np.fft.rfft(response, n_fft)
            answer = np.fft.irfft(spectrum, n_fft)[: stop - low].astype(np.float32)
            answer[end - low :] *= damping[: max(0, stop - end)]
            out[low:stop] += answer
        return out * np.float32(self.config.resonance)

    def _strings(self, first: int, n_samples: int) -> Samples:
        """What is struck, and nothing else."""
        out = np.zeros(n_samples, np.float32)
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
        scratch = np.empty(min(n_samples, int((LONGEST_VOICE + 1) * rate)), np.float32)
        for onset, damped, key_up, restruck, dimmed, kept, pitch, velocity, gain, buzzing in zip(
            table.onset[index].tolist(),
            self.damped[index].tolist(),
            self.key_up[index].tolist(),
            self.restruck[index].tolist(),
            self.dimmed[index].tolist(),
            self.kept[index].tolist(),
            table.pitch[index].tolist(),
            timbre.tolist(),
            gains.tolist(),
            self.buzzing[index].tolist(),
            strict=True,
        ):
            voice = self._voice(pitch, velocity)
            origin = round(onset * rate) - voice.attack
            end = voice.audible(gain)
            damp = round(damped * rate) - origin if damped < math.inf else end
            strike = round(restruck * rate) - origin if restruck < math.inf else end
            end = min(end, strike + len(self.fade))
            if self.dampers is None:
                end = min(end, damp + len(self._release(pitch)))
            low, high = max(0, first - origin), min(end, first + n_samples - origin)
            if high <= low:
                continue
            part = scratch[: high - low]
            np.multiply(voice.samples[low:high], np.float32(gain * voice.scale), out=part)
            dim = round(dimmed * rate) - origin if dimmed < math.inf else high
            if dim < high:
                since = max(low, dim)
                fade = self.fade[since - dim : high - dim]
                part[since - low : since - low + len(fade)] *= kept + (1 - kept) * fade
                part[since - low + len(fade) :] *= kept
            since = max(low, damp)
            if since < high and self.dampers is None:
                part[since - low :] *= self._release(pitch)[since - damp : high - damp]
            elif since < high:
                part[since - low :] *= self._fading(pitch, key_up, origin + since, high - since)
            since = max(low, strike)
            if since < high:
                part[since - low :] *= self.fade[since - strike : high - strike]
            out[origin + low - first : origin + high - first] += part
            if buzzing and damp < min(strike, voice.audible(gain)):
                self._add_buzz(out, voice, gain * buzzing, damp, origin - first)
        return out

    def _add_buzz(self, out: Samples, voice: Voice, gain: float, damp: int, origin: int) -> None:
        """What a string says to its damper: some of its sound again, softly and briefly."""
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
        """Knocks of keys coming up and of the pedal moving."""
        table, gain = self.table, 10 ** (self.config.gain_db / 20)
        lifted = (table.pedal_onset, table.pedal_offset)
        pedal = np.sort(np.concatenate(lifted if self.dampers is None else self.dampers.lifted()))
        for times, level, purpose in (
            (table.released, self.config.key_noise, _KEY_NOISE),
            (pedal, self.config.pedal_noise, _PEDAL_NOISE),
        ):
            if level == 0:
                continue
            recorded = self.knocks if purpose == _KEY_NOISE else {}
            knocks = thumps(self.bank.sample_rate)
            longest = self._longest_knock()
            choice = self._random(purpose).random((2, len(times)))
            starts = np.round(times * self.bank.sample_rate).astype(np.int64) - first
            heard = np.flatnonzero((starts < len(out)) & (starts > -longest))
            for index in heard.tolist():
                thump = knocks[int(choice[0, index] * len(knocks))]
                if recorded:
                    thump = recorded.get(int(table.pitch[index]), thump)
                start = int(starts[index])
                low, high = max(0, -start), min(len(thump), len(out) - start)
                if high <= low:
                    continue
                loudness = np.float32(level * gain * (0.3 + 0.7 * choice[1, index]))
                out[start + low : start + high] += thump[low:high] * loudness
