"""Event targets: note-seq and miditok read what is written, and give the notes back."""

from __future__ import annotations

import json
from collections import defaultdict

import numpy as np
import pytest

from transcribe.midi import performance_of
from transcribe.midi_parser import parse_midi
from transcribe.music.beat_grid import Metre
from transcribe.notes import Note, PedalPress, Performance, sustained
from transcribe.tokens import Item, Settings, decode, encode
from transcribe.tokens.miditok_ids import TOKENISERS
from transcribe.tokens.performance_events import VOCABULARIES


def played(n_notes: int = 60, seed: int = 0) -> Performance:
    """Freely timed notes with pedal; the first is some seconds in."""
    rng = np.random.default_rng(seed)
    onsets = 2.3456 + np.cumsum(rng.uniform(0.0, 0.4, n_notes))
    last: dict[int, float] = defaultdict(float)
    notes = []
    for onset in onsets.tolist():
        pitch = int(rng.integers(30, 90))
        if last[pitch] + 0.05 > onset:
            continue
        offset = onset + float(rng.uniform(0.05, 1.0))
        notes.append(
            Note(onset=onset, pitch=pitch, offset=offset, velocity=int(rng.integers(1, 128)))
        )
        last[pitch] = offset
    presses = [PedalPress(onset=s, offset=s + 0.9) for s in np.arange(3.0, onsets[-1], 1.7)]
    return Performance(tuple(notes), tuple(presses))


def deviations(ref: Performance, est: Performance) -> tuple[float, float]:
    """Greatest deviation of onsets and offsets; the notes are the same otherwise."""
    keyed = [sorted((n.pitch, n.onset, n.offset) for n in p.notes) for p in (ref, est)]
    assert [pitch for pitch, *_ in keyed[0]] == [pitch for pitch, *_ in keyed[1]]
    times = np.array([[times for _, *times in each] for each in keyed])
    onset, offset = np.abs(times[0] - times[1]).max(0)
    return float(onset), float(offset)


@pytest.mark.parametrize("target", VOCABULARIES)
def test_performance_events_give_every_note_back_within_a_step(target):
    performance = played()
    item, _ = encode(target, performance).items
    est = decode(target, item)
    onset, offset = deviations(sustained(performance), est)
    assert onset <= 0.005 + 1e-9
    assert offset <= 0.01 + 1e-9
    velocities = zip(performance.notes, est.notes, strict=True)
    assert max(abs(a.velocity - b.velocity) for a, b in velocities) <= 3


@pytest.mark.parametrize("target", VOCABULARIES)
def test_note_seq_makes_the_same_ids_of_the_same_music(target):
    note_seq = pytest.importorskip("note_seq")
    performance = played(seed=1)
    item, _ = encode(target, performance).items
    start = round(item.start, 2)
    sequence = note_seq.NoteSequence()
    for note in performance.notes:
        sequence.notes.add(
            pitch=note.pitch,
            velocity=note.velocity,
            start_time=note.onset,
            end_time=note.offset,
        )
    for press in performance.pedal:
        for time, value in ((press.onset, 127), (press.offset, 0)):
            sequence.control_changes.add(time=time, control_number=64, control_value=value)
    sequence.total_time = performance.duration
    extended = note_seq.apply_sustain_control_changes(sequence)
    quantised = note_seq.quantize_note_sequence_absolute(extended, 100)
    theirs = note_seq.Performance(
        quantised, start_step=round(start * 100), num_velocity_bins=32, max_shift_steps=100
    )
    vocabulary = VOCABULARIES[target]
    encoding = note_seq.PerformanceOneHotEncoding(
        num_velocity_bins=32, min_pitch=vocabulary.lowest, max_pitch=vocabulary.highest
    )
    assert encoding.num_classes + vocabulary.n_reserved == vocabulary.size
    ids = [encoding.encode_event(event) + vocabulary.n_reserved for event in theirs]
    assert json.loads(item.content)["ids"] == ids


def test_note_seq_decodes_the_ids():
    note_seq = pytest.importorskip("note_seq")
    performance = played(seed=2)
    item, _ = encode("performance-rnn", performance).items
    encoding = note_seq.PerformanceOneHotEncoding(num_velocity_bins=32)
    heard = note_seq.Performance(steps_per_second=100, num_velocity_bins=32)
    for number in json.loads(item.content)["ids"]:
        heard.append(encoding.decode_event(number))
    notes = [
        Note(
            onset=item.start + note.start_time,
            pitch=note.pitch,
            offset=item.start + note.end_time,
            velocity=note.velocity,
        )
        for note in heard.to_sequence().notes
    ]
    onset, offset = deviations(sustained(performance), Performance(tuple(notes)))
    assert onset <= 0.01
    assert offset <= 0.01 + 1e-9


def test_a_key_struck_twice_within_a_step_is_told():
    notes = [
        Note(onset=onset, pitch=60, offset=onset + 0.001, velocity=60) for onset in (1.0, 1.002)
    ]
    encoded = encode("performance-rnn", Performance(tuple(notes)))
    assert encoded.items[0].about["n_notes_lost"] == 1
    assert encoded.remarks


def test_a_long_rest_is_several_shifts():
    notes = [Note(onset=s, pitch=60, offset=s + 0.1, velocity=60) for s in (0.0, 3.5)]
    item, _ = encode("performance-rnn", Performance(tuple(notes))).items
    shifts = [n - 255 for n in json.loads(item.content)["ids"] if 256 <= n < 356]
    assert shifts == [10, 100, 100, 100, 40, 10]


@pytest.mark.parametrize(
    ("target", "onset_within"),
    [
        ("tsd", 0.006),
        ("midi-like", 0.006),
        ("remi", 0.5 / 24 / 2 + 0.001),
        ("compound-word", 0.5 / 24 / 2 + 0.001),
    ],
)
def test_miditok_reads_and_decodes_every_note(target, onset_within, tmp_path):
    miditok = pytest.importorskip("miditok")
    performance = played()
    encoded = encode(target, performance, Settings(tempo=120, metre=Metre(3, 4)))
    (item,) = encoded.items
    onset, _ = deviations(sustained(performance), decode(target, item))
    assert onset <= onset_within
    path = tmp_path / "ids.json"
    path.write_bytes(item.content)
    tokeniser = getattr(miditok, TOKENISERS[target])(params=path)
    (sequence,) = tokeniser.load_tokens(path)
    size = encoded.about["vocabulary_size"]
    sizes = [size] if isinstance(size, int) else size
    assert (np.reshape(sequence.ids, (-1, len(sizes))) < sizes).all()
    score = tokeniser.decode([sequence])
    assert score.note_num() == len(performance.notes)


@pytest.mark.parametrize("metre", ["2/2", "5/8", "6/8", "7/4"])
def test_bars_of_any_metre_come_back(metre):
    pytest.importorskip("miditok")
    performance = played(30, seed=3)
    settings = Settings(tempo=75, metre=Metre.parse(metre))
    (item,) = encode("remi", performance, settings).items
    onset, _ = deviations(sustained(performance), decode("remi", item))
    assert onset <= 60 / 75 / 24


@pytest.mark.parametrize("target", [*VOCABULARIES, *TOKENISERS])
def test_silence_gives_no_items_and_says_so(target):
    encoded = encode(target, Performance())
    assert encoded.items == ()
    assert encoded.remarks == ("no notes",)


def test_an_id_out_of_the_vocabulary_is_refused():
    item = Item("events", ".json", b'{"ids": [388]}', 0.0, 1.0)
    with pytest.raises(ValueError, match="from 0 to 387"):
        decode("performance-rnn", item)


@pytest.mark.parametrize("target", ["performance-rnn", "music-transformer"])
def test_a_primer_is_the_same_music_as_midi_with_the_pedal_in_its_notes(target):
    """The programs don't look at the pedal: a note that it holds is long, and there is none."""
    notes = [Note(onset=2.0, pitch=60, offset=2.1, velocity=80)]
    notes += [Note(onset=3.0, pitch=64, offset=3.2, velocity=80)]
    played = Performance(tuple(notes), (PedalPress(onset=2.05, offset=4.0),))
    events, primer = encode(target, played).items
    assert (primer.name, primer.suffix, primer.start) == ("primer", ".mid", 2.0)
    read = performance_of(parse_midi(primer.content)).performance
    assert [(n.onset, n.offset) for n in read.notes] == [
        pytest.approx((0.0, 2.0), abs=1e-3),
        pytest.approx((1.0, 2.0), abs=1e-3),
    ]
    assert read.pedal == ()
    both = [decode(target, item).notes for item in (events, primer)]
    for one, other in zip(*both, strict=True):
        assert (other.onset, other.offset) == pytest.approx((one.onset, one.offset), abs=1e-3)
