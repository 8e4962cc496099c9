"""A title says the key, and the metre of a dance, in the languages of the page and as files are
named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from played_pieces import chords, waltz

from transcribe.music.beat_grid import Metre
from transcribe.music.key import Key
from transcribe.notes import Note, Performance
from transcribe.score.analysis import analyse
from transcribe.score.score import Hints
from transcribe.score.titles import title_from_name, title_of, with_title


@pytest.mark.parametrize(
    ("title", "key"),
    [
        ("Nocturne in E-flat major, Op. 9 No. 2", "Eb"),
        ("Nocturne_in_E_flat_Major", "Eb"),
        ("Prelude in C-sharp minor", "C#m"),
        ("Étude in E, Op. 10 No. 3", "E"),
        ("Nocturne in D♭", "Db"),
        ("12 Études: No. 5 in G-flat Major", "Gb"),
        ("Ballade in g minor", "Gm"),
        ("Prelude & Fugue in F# minor, BWV 859", "F#m"),
        ("Polonaise As-Dur", "Ab"),
        ("Partita B-Dur", "Bb"),
        ("Sonate h-Moll", "Bm"),
        ("Fantasie fis-moll", "F#m"),
        ("Impromptu Ges-Dur", "Gb"),
        ("Sonate en si bémol mineur", "Bbm"),
        ("Prélude en do dièse mineur", "C#m"),
        ("Vals en la menor", "Am"),
        ("Notturno in mi bemolle maggiore", "Eb"),
        ("Nocturne No. 20 in C-Sharp Minor, Op. Posth.", "C#m"),
        ("PRELUDE IN D-FLAT MAJOR", "Db"),
        ("Waltz in C\u2011sharp minor", "C#m"),
        ("Prelude in D flat (Raindrop)", "Db"),
        ("Blues in F#m", "F#m"),
        ("waltz-in-c-sharp-minor", "C#m"),
        ("chopin_nocturne_op9_no2_eb_major", "Eb"),
        ("symphony no 5 c minor", "Cm"),
        ("Valse en ré♭ mineur", None),
        ("Valse en ré♭ majeur", "Db"),
        ("Sonatas in A minor and C major", None),
        ("Es ist ein Ros entsprungen", None),
        ("Live in A Bar", None),
        ("a minor accident", None),
        ("Prelude", None),
        ("", None),
    ],
)
def test_a_title_says_the_key(title, key):
    said = with_title(Hints(), title).likely_key
    assert (said and said.abc) == key


@pytest.mark.parametrize(
    ("title", "metre"),
    [
        ("Waltz in A minor", "3/4"),
        ("Grande valse brillante", "3/4"),
        ("MENUETT G-Dur", "3/4"),
        ("Mazurka_op_17_4", "3/4"),
        ("Ländler", "3/4"),
        ("Tarantella", "6/8"),
        ("Waltz and Polka", None),
        ("March 2024", None),
        ("Waltzing Matilda", None),
        ("Valseur", None),
    ],
)
def test_a_dance_has_its_metre(title, metre):
    said = with_title(Hints(), title).metre
    assert (said and str(said)) == metre


def test_a_polka_is_in_two_or_four():
    hints = with_title(Hints(), "Polka")
    assert hints.metre is None
    assert hints.likely_metres == (Metre(4, 4), Metre(2, 4), Metre(2, 2))
    assert analyse(waltz(), hints).metre(1) in hints.likely_metres


def test_what_a_person_or_a_file_says_stands():
    told = Hints(key=Key(0), metre=Metre(4, 4))
    assert with_title(told, "Waltz in A minor") == told
    stated = Hints(beats=(0.0, 1.0), metres=(Metre(4, 4),) * 2)
    assert with_title(stated, "Waltz") == stated
    swung = Hints(swing=True)
    assert with_title(swung, "Tarantella").metre is None
    assert with_title(swung, "Waltz").metre == Metre(3, 4)
    assert with_title(swung, "Maple Leaf Rag").likely_metres == (Metre(4, 4), Metre(2, 4))


@pytest.mark.parametrize(("title", "fifths"), [("in C major", 0), ("in F major", -1)])
def test_the_key_of_a_title_is_believed_where_notes_fit_several(title, fifths):
    without_b = [48, 60, 64, 67, 53, 60, 65, 69, 48, 60, 64, 67, 55, 62, 67, 74]
    notes = tuple(
        Note(onset=2.0 * (index // 4), offset=2.0 * (index // 4) + 1.8, pitch=pitch, velocity=70)
        for index, pitch in enumerate(without_b * 6)
    )
    score = analyse(Performance(notes), with_title(Hints(), title))
    assert [change.key.fifths for change in score.keys] == [fifths]


def test_the_key_of_a_title_is_not_believed_against_the_notes():
    score = analyse(chords(*[0] * 6), with_title(Hints(), "in A flat major"))
    assert [change.key for change in score.keys] == [Key(0)]


def test_a_title_spells_the_key_and_names_its_mode():
    g_flat = analyse(chords(*[6] * 6), with_title(Hints(), "in G-flat major")).keys[0].key
    assert g_flat.fifths == -6
    minor = analyse(chords(*[0] * 6), with_title(Hints(), "in A minor")).keys[0].key
    assert (minor.fifths, minor.is_minor) == (0, True)


@pytest.mark.parametrize("quarter", [0.2, 0.24, 0.28])
def test_bars_of_a_quick_waltz_are_no_beats_once_it_is_known_for_one(quarter):
    performance = waltz(quarter=quarter)
    score = analyse(performance, with_title(Hints(), "Waltz"))
    basses = [note.onset for note in performance.notes if note.pitch < 55]
    np.testing.assert_allclose(score.downbeats, basses, atol=0.02)
    assert np.median(score.tempo) == pytest.approx(60 / quarter, rel=0.05)


@pytest.mark.parametrize("gap", [0.25, 0.3, 0.4])
def test_beats_whose_halves_are_struck_are_not_parted_in_three(gap):
    notes = [
        Note(onset=gap * n, offset=gap * (n + 0.9), pitch=(60, 67, 64, 67)[n % 4], velocity=70)
        for n in range(48)
    ]
    score = analyse(Performance(tuple(notes)), Hints(metre=Metre(3, 4)))
    onsets = np.array([note.onset for note in notes])
    played = [beat for beat in score.beats if beat < onsets[-1]]
    assert max(np.abs(onsets - beat).min() for beat in played) < 0.02


def test_the_name_of_a_file_is_its_title(tmp_path: Path):
    source = tmp_path / "Waltz_in_A_minor.mid"
    source.write_bytes(b"MThd")
    assert title_of(source) == title_from_name(source.name) == "Waltz in A minor"
