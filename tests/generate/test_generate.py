"""The generator's events, network and continuations."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis.strategies import floats, integers, lists, tuples
from numpy.testing import assert_allclose
from safetensors import safe_open
from safetensors.torch import save_file

from eval.downstream.continuations import figures, network_nats, ranges, within
from eval.downstream.markov import MarkovChain
from transcribe.errors import CheckpointError
from transcribe.generate import Continuer, Sampling
from transcribe.generate.config import GeneratorConfig
from transcribe.generate.event_network import EventNetwork
from transcribe.generate.events import (
    DURATION,
    KEY,
    PEDAL,
    SHIFT,
    SIZES,
    TIMES,
    VELOCITY,
    decode,
    encode,
    onsets_of,
)
from transcribe.generate.model import EventModel
from transcribe.generate.recall import EventListener
from transcribe.generate.sampling import LONGEST_SILENCE, draw_events, key_leaning
from transcribe.generate.weights import (
    GeneratorWeights,
    load_generator,
    load_network,
    save_generator,
)
from transcribe.notes import Note, PedalPress, Performance

SMALL = GeneratorConfig(width=16, n_layers=2, n_heads=2, context=48)


def network(seed: int = 0) -> EventModel:
    """With weights that are all drawn, so that everything in it matters."""
    torch.manual_seed(seed)
    model = EventModel(SMALL)
    for parameter in model.parameters():
        if parameter.ndim == 2:
            torch.nn.init.normal_(parameter, std=0.3)
    torch.nn.init.zeros_(model.key_gate_head.bias)
    torch.nn.init.zeros_(model.shift_gate_head.bias)
    return model.eval().requires_grad_(False)


def listener(model: EventModel) -> EventListener:
    return EventListener(
        EventNetwork({n: each.numpy() for n, each in model.state_dict().items()}, model.config)
    )


def prelude(n_bars: int = 8) -> Performance:
    """Broken chords with the pedal."""
    chords = ((48, 64, 67, 72), (48, 62, 69, 74), (47, 62, 67, 74), (48, 64, 67, 72))
    notes = [
        Note(onset=bar + 0.25 * i, pitch=pitch, offset=bar + 0.25 * i + 0.2, velocity=60 + i)
        for bar in range(n_bars)
        for i, pitch in enumerate(chords[bar % 4])
    ]
    presses = [PedalPress(onset=bar + 0.05, offset=bar + 0.9) for bar in range(n_bars)]
    return Performance(tuple(notes), tuple(presses))


class TestEvents:
    def test_what_is_played_on_the_grid_comes_back(self):
        performance = prelude()
        assert decode(encode(performance)[:, [0, 1, 2, 3]]).notes[5].pitch == 62
        est = decode(encode(performance))
        for ref, back in zip(performance.notes, est.notes, strict=True):
            assert back.pitch == ref.pitch
            assert back.onset == pytest.approx(ref.onset, abs=1e-6)
            assert back.offset == pytest.approx(ref.offset, abs=1e-6)
            assert abs(back.velocity - ref.velocity) <= 2
        assert_allclose(
            [(p.onset, p.offset) for p in est.pedal],
            [(p.onset, p.offset) for p in performance.pedal],
            atol=1e-6,
        )

    @settings(max_examples=60, deadline=None)
    @given(
        lists(
            tuples(
                integers(0, SIZES["shift"] - 1),
                integers(0, PEDAL),
                integers(0, SIZES["velocity"] - 1),
                integers(0, SIZES["duration"] - 1),
            ),
            max_size=40,
        )
    )
    def test_whatever_is_generated_is_music_that_ends(self, events):
        performance = decode(events)
        longest = TIMES[-1] * 0.01 + 1e-6
        for note in performance.notes:
            assert note.offset - note.onset <= longest
        for press in performance.pedal:
            assert press.offset - press.onset <= longest
        for key in {note.pitch for note in performance.notes}:
            same = [note for note in performance.notes if note.pitch == key]
            for one, other in itertools.pairwise(same):
                assert one.offset <= other.onset

    @settings(max_examples=40, deadline=None)
    @given(floats(0.0, 9.0), floats(0.01, 9.0))
    def test_times_are_right_within_a_fortieth(self, gap, duration):
        first = Note(onset=0.0, pitch=40, offset=0.1, velocity=64)
        second = Note(onset=gap, pitch=50, offset=gap + duration, velocity=64)
        back = decode(encode(Performance((first, second)))).notes[1]
        assert back.onset == pytest.approx(gap, rel=0.026, abs=0.0051)
        assert back.offset - back.onset == pytest.approx(duration, rel=0.026, abs=0.0051)

    def test_a_chord_is_told_pedal_first_then_upwards(self):
        notes = [
            Note(onset=1.0 + d, pitch=p, offset=2.0, velocity=64)
            for p, d in ((64, 0.0), (60, 0.002), (67, 0.001))
        ]
        events = encode(Performance(tuple(notes), (PedalPress(onset=1.003, offset=2.0),)))
        assert events[:, KEY].tolist() == [PEDAL, 60 - 21, 64 - 21, 67 - 21]
        assert events[:, SHIFT].tolist() == [0, 0, 0, 0]


class TestNetwork:
    def test_nothing_is_known_of_what_comes_later(self):
        model, events = network(), torch.from_numpy(encode(prelude(6)))[None]
        changed = events.clone()
        changed[:, 12:, KEY] = (changed[:, 12:, KEY] + 5) % PEDAL
        nats, others = model.nats(events), model.nats(changed)
        assert_allclose(nats[:, :11], others[:, :11], atol=1e-5)
        assert not torch.allclose(nats[:, 11:], others[:, 11:])

    @pytest.mark.parametrize("column", [SHIFT, KEY, VELOCITY, DURATION])
    def test_an_event_s_numbers_depend_on_those_told_before(self, column):
        model, events = network(), torch.from_numpy(encode(prelude(4)))[None]
        changed = events.clone()
        changed[:, -1, column] = (changed[:, -1, column] + 7) % SIZES["velocity"]
        one, other = model.nats(events)[0, -1], model.nats(changed)[0, -1]
        assert_allclose(one[:column], other[:column], atol=1e-6)
        assert (one[column:] != other[column:]).all()

    @pytest.mark.parametrize(("column", "name"), [(SHIFT, "shift"), (KEY, "key")])
    def test_what_is_told_anew_and_what_is_copied_come_to_one(self, column, name):
        events = torch.from_numpy(encode(prelude(5))).repeat(SIZES[name], 1, 1)
        events[:, -1, column] = torch.arange(SIZES[name])
        told = network().nats(events)[:, -1, column]
        assert torch.exp(-told).sum().item() == pytest.approx(1, abs=1e-4)

    def test_overlapping_stretches_tell_every_event_once(self):
        model, events = network(), encode(prelude(20))
        nats = network_nats(model, events)
        assert nats.shape == (len(events) - 1, 4)
        whole = model.nats(torch.from_numpy(events[: SMALL.context + 1])[None])[0]
        assert_allclose(nats[: SMALL.context], whole, atol=1e-4)

    def test_weights_keep_in_a_file(self, tmp_path):
        model, path = network(), tmp_path / "weights.safetensors"
        save_generator(GeneratorWeights(model, {"name": "small"}), path)
        back = load_generator(path)
        assert back.name == load_network(path)[1] == "small"
        assert back.model.config == model.config
        events = torch.from_numpy(encode(prelude(2)))[None]
        assert_allclose(back.model.nats(events), model.nats(events), atol=0.05)

    def test_the_same_seed_gives_the_same_notes_and_another_gives_others(self):
        continuer = Continuer.of(GeneratorWeights(network()))
        one, same, other = (
            continuer(prelude(), seconds=5, sampling=Sampling(seed=seed)) for seed in (1, 1, 2)
        )
        assert one == same
        assert one != other

    @pytest.mark.parametrize("seed", [0, 1])
    def test_without_torch_it_says_the_same(self, seed):
        """Event by event, what is read in numpy costs what it costs in torch."""
        model, events = network(seed), encode(prelude(8))
        rng = np.random.default_rng(seed)
        events[::3, KEY] = (events[::3, KEY] + rng.integers(0, 9)) % PEDAL
        told = model.nats(torch.from_numpy(events)[None])[0].numpy()
        in_numpy = listener(model)
        for n, event in enumerate(events[:-1]):
            in_numpy.read(event[None])
            for column in range(4):
                if column == VELOCITY and events[n + 1, KEY] == PEDAL:
                    continue
                logits = in_numpy.logits(events[n + 1, :column].tolist()).astype(float)
                nats = np.logaddexp.reduce(logits) - logits[events[n + 1, column]]
                assert nats == pytest.approx(told[n, column], abs=2e-4)

    def test_it_forgets_what_is_out_of_reach_and_goes_on(self):
        """Memory stays small, however long the music."""
        in_numpy = listener(network())
        for event in encode(prelude(60)):
            in_numpy.read(event[None])
        assert np.isfinite(in_numpy.logits([3, 40])).all()
        assert len(in_numpy._figures.events) < 3 * SMALL.context
        assert np.exp(in_numpy.logits([3])).sum() == pytest.approx(1, abs=1e-4)


def test_continuing_imports_no_torch():
    code = (
        "import sys; from transcribe.generate import Continuer; "
        "from transcribe.notes import Note, Performance; "
        "opening = Performance(notes=(Note(onset=0.0, pitch=60, offset=0.5, velocity=64),)); "
        "assert len(Continuer.load()(opening, seconds=3).notes) > 1; "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_damaged_file_is_refused(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_generator(GeneratorWeights(network()), path)
    data = bytearray(path.read_bytes())
    data[-3] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match="damaged"):
        load_generator(path)


class TestDrawing:
    def test_no_key_twice_at_once_and_no_long_silence(self):
        events = []
        stream = draw_events(listener(network(3)), encode(prelude()), Sampling())
        for _ in range(300):
            events.append(next(stream))
        drawn = np.array(events)
        struck = Counter(
            zip(onsets_of(drawn).round(3).tolist(), drawn[:, KEY].tolist(), strict=True)
        )
        assert max(struck.values()) == 1
        assert TIMES[drawn[:, SHIFT]].max() * 0.01 <= LONGEST_SILENCE
        assert (drawn[:, DURATION] > 0).all()
        assert (drawn[drawn[:, KEY] == PEDAL, VELOCITY] == 0).all()

    def test_only_the_likeliest_is_drawn_when_top_p_is_small(self):
        class Certain:
            def read(self, events):
                pass

            def logits(self, known, *, recall=0.0):
                logits = np.zeros(list(SIZES.values())[len(known)])
                logits[20] = 0.1
                return logits

        stream = draw_events(Certain(), encode(prelude()), Sampling(top_p=0.001, tame=0))
        assert [next(stream) for _ in range(5)] == [(20, 20, 20, 20)] * 5

    def test_wrong_settings_are_refused(self):
        for wrong in (
            {"temperature": 0.0},
            {"top_p": 0.0},
            {"top_p": 1.1},
            {"seed": -1},
            {"tame": 2},
        ):
            with pytest.raises(ValueError, match="found"):
                Sampling(**wrong)

    def test_a_tame_continuation_keeps_to_the_pitch_classes_of_the_opening(self):
        """A listener to whom all keys are alike: what is drawn is the opening's own leaning."""

        class Indifferent:
            def read(self, events):
                pass

            def logits(self, known, *, recall=0.0):
                return np.zeros(list(SIZES.values())[len(known)])

        opening = encode(prelude(16))
        classes = set((opening[opening[:, KEY] != PEDAL, KEY] % 12).tolist())
        share = {}
        for tame in (0.0, 0.5, 1.0):
            stream = draw_events(Indifferent(), opening, Sampling(tame=tame))
            keys = [key for _, key, *_ in itertools.islice(stream, 400) if key != PEDAL]
            share[tame] = np.mean([key % 12 in classes for key in keys])
        assert share[0.0] < share[0.5] < share[1.0]
        leaning = key_leaning(opening)
        assert leaning[PEDAL] == 0
        assert leaning[:12].argmax() in classes

    def test_what_was_read_comes_back_where_recall_is_strong(self):
        """A figure that is played over and over is copied, in place of weights drawn by chance."""
        in_numpy, events = listener(network(2)), encode(prelude(12))
        in_numpy.read(events)
        likely = [np.exp(in_numpy.logits([int(TIMES[5])], recall=r)) for r in (0.0, 1.0, 2.0)]
        following = encode(prelude(13))[len(events), KEY]
        own, some, most = (each[following] for each in likely)
        assert own < some < most
        assert most > 0.9


class TestContinuer:
    continuer = Continuer.of(GeneratorWeights(network(5)))

    def test_the_opening_stays_and_the_rest_follows_for_as_long_as_asked(self):
        opening = prelude()
        *_, last = self.continuer.stream(opening, seconds=6)
        assert last.opening == opening
        assert last.start == pytest.approx(opening.notes[-1].onset)
        onsets = [note.onset for note in last.continuation.notes]
        assert last.start - 0.01 <= min(onsets)
        assert last.start + 3 < max(onsets) <= last.start + 6
        assert last.whole.duration <= last.start + 6 + 3 + 1e-6

    def test_it_begins_where_it_is_told_to(self):
        # Of a network that draws some notes in these four seconds.
        continuer = Continuer.of(GeneratorWeights(network(7)))
        *_, last = continuer.stream(prelude(), seconds=4, at=3.5)
        assert max(note.onset for note in last.opening.notes) == 3.25
        onsets = [note.onset for note in last.continuation.notes]
        assert len(onsets) >= 3
        assert 3.5 <= min(onsets) <= max(onsets) < 7.5

    def test_it_grows_and_what_is_there_stays(self):
        steps = list(self.continuer.stream(prelude(), seconds=8))
        assert len(steps) >= 4
        for one, following in itertools.pairwise(steps):
            n_notes = len(one.continuation.notes)
            onsets = [note.onset for note in following.continuation.notes[:n_notes]]
            assert onsets == [note.onset for note in one.continuation.notes]

    def test_a_held_pedal_and_a_held_key_give_way(self):
        held = Performance(
            (*prelude().notes, Note(onset=8.0, pitch=60, offset=400.0, velocity=70)),
            (PedalPress(onset=7.9, offset=500.0),),
        )
        whole = self.continuer(held, seconds=20)
        assert sum(press.offset - press.onset > 11 for press in whole.pedal) <= 1

    def test_nothing_to_go_on_from_is_refused(self):
        with pytest.raises(ValueError, match="no notes"):
            self.continuer(Performance())
        with pytest.raises(ValueError, match=r"before 0\.5 s"):
            self.continuer(Performance((Note(onset=1, pitch=60, offset=2, velocity=9),)), at=0.5)
        with pytest.raises(ValueError, match="more than 0"):
            self.continuer(prelude(), seconds=0)
        end = prelude().duration
        assert self.continuer(prelude(), seconds=1, at=end).notes
        with pytest.raises(ValueError, match=rf"the music's end at {end:.1f} s; found {end + 1:g}"):
            self.continuer(prelude(), seconds=1, at=end + 1)


class TestMarkovChain:
    chain = MarkovChain([encode(prelude(16))], 4)

    def test_probabilities_come_to_one(self):
        listener = self.chain.listen()
        listener.read(encode(prelude(3)))
        for known in ([], [25], [25, 40], [25, 40, 16]):
            assert np.exp(listener.logits(known)).sum() == pytest.approx(1)

    def test_drawn_and_told_agree(self):
        events = encode(prelude(5))
        listener = self.chain.listen()
        listener.read(events[:-1])
        told = [
            -listener.logits(events[-1, :column].tolist())[events[-1, column]]
            for column in range(4)
        ]
        assert_allclose(told, self.chain.nats(events)[-1], atol=1e-9)

    def test_what_it_knows_costs_less(self):
        known = self.chain.nats(encode(prelude(4))).sum()
        moved = Performance(
            tuple(
                Note(onset=n.onset, pitch=n.pitch + 13, offset=n.offset, velocity=99)
                for n in prelude(4).notes
            )
        )
        assert known < 0.5 * self.chain.nats(encode(moved)).sum()


class TestFigures:
    notes = prelude().notes

    def test_the_same_again_deviates_in_nothing(self):
        again = [
            Note(onset=n.onset + 8, pitch=n.pitch, offset=n.offset + 8, velocity=9)
            for n in self.notes
        ]
        assert_allclose(figures(self.notes, again, 8.0, 16.0), [0, 0, 0], atol=1e-9)

    def test_half_as_many_a_tritone_away(self):
        half = [
            Note(onset=n.onset + 8, pitch=n.pitch + 6, offset=n.offset + 8, velocity=9)
            for n in self.notes[::2]
        ]
        classes, polyphony, density = figures(self.notes, half, 8.0, 16.0)
        assert (polyphony, density) == pytest.approx((-1, -1))
        assert classes > 0.8

    def test_silence_is_in_no_range(self):
        found = np.stack([figures(self.notes, [], 8.0, 16.0)] * 3)
        allowed = ranges(np.random.default_rng(0).uniform(-1, 1, (50, 3)))
        assert within(found, allowed) == {
            "pitch_classes": 0,
            "polyphony": 0,
            "density": 0,
            "all": 0,
        }


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"n_heads": 0}, "n_heads is 1 to"),
        ({"width": 8192}, "do not fit"),
        ({"width": 10**12}, "width is 1 to"),
        ({"context": "512"}, "expected context of type int"),
    ],
)
def test_weights_of_absurd_sizes_are_refused_in_words(tmp_path, change, said):
    model = EventModel(GeneratorConfig(width=16, n_layers=1, n_heads=2))
    path = tmp_path / "weights.safetensors"
    save_generator(GeneratorWeights(model, {"name": "small"}), path)
    with safe_open(path, framework="pt") as file:
        header = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    header["model"] = json.dumps(json.loads(header["model"]) | change)
    save_file(tensors, path, metadata=header)
    with pytest.raises(CheckpointError, match=said):
        load_generator(path)
