"""Works whose metre is known, and how many of their first metres are found."""

from __future__ import annotations

import csv
import json

import pytest

from eval.data.maestro_metres import known_metre
from eval.downstream.metres import main
from transcribe.datasets.index import COLUMNS
from transcribe.midi import write_midi
from transcribe.notes import Note, Performance


@pytest.mark.parametrize(
    ("composer", "title", "metre"),
    [
        ("Frédéric Chopin", "Mazurka in D Major, Op. 33, No. 2", "3/4"),
        ("Frédéric Chopin", "Etude Op. 10 No. 1 in C Major", "4/4"),
        ("Frédéric Chopin", "Etude Op. 10 No. 10 in A-flat Major", "12/8"),
        ("Wolfgang Amadeus Mozart", "Sonata in D Major, K. 576, II - Adagio", None),
        ("Johann Sebastian Bach", "Mazurka", None),
    ],
)
def test_titles_that_say_the_metre(composer, title, metre):
    known = known_metre(composer, title)
    assert (known and known[0]) == metre


def waltz():
    notes = []
    for beat in range(72):
        onset = 1 + 0.45 * beat
        pitches = (43,) if beat % 3 == 0 else (60, 64, 67)
        notes += [Note(onset=onset, pitch=p, offset=onset + 0.3, velocity=60) for p in pitches]
        if beat % 3 == 0:
            tune = 76 + beat // 3 % 5
            notes.append(Note(onset=onset, pitch=tune, offset=onset + 1.2, velocity=85))
    return Performance(tuple(sorted(notes)), ())


def test_one_performance_of_each_known_work_is_measured(tmp_path):
    index = tmp_path / "maestro.csv"
    rows = [
        ("Frédéric Chopin", "Mazurkas, Op. 17 (Complete)", "train", "one.mid"),
        ("Frédéric Chopin", "Mazurka Op. 6 No. 2", "train", "two.mid"),  # the same words
        ("Frédéric Chopin", "Etude Op. 10 No. 2", "validation", "three.mid"),
        ("Frédéric Chopin", "Prelude", "train", "four.mid"),  # not known
    ]
    (tmp_path / "maestro").mkdir()
    with index.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for composer, title, split, name in rows:
            write_midi(waltz(), tmp_path / "maestro" / name)
            writer.writerow(
                {
                    "canonical_composer": composer,
                    "canonical_title": title,
                    "split": split,
                    "midi_filename": name,
                    "duration": 34,
                }
            )
    split = tmp_path / "split.csv"
    split.write_text("index,composer,title,split\n", "utf-8")
    out = tmp_path / "metres.json"
    words = [
        "--data",
        str(index),
        "--split",
        str(split),
        "--cache",
        str(tmp_path),
        "--out",
        str(out),
    ]
    assert main(words) == 0
    record = json.loads(out.read_text("utf-8"))
    assert record["n_works"] == 2
    assert record["found"] == {"3/4 as 3/4": 1, "4/4 as 3/4": 1}
    assert record["first"]["mean"] == 0.5
