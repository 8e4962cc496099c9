"""A melody over a figure of the same hand."""

from dataclasses import replace
from fractions import Fraction

from scores import score_of

from transcribe.score.melodies import with_melodies
from transcribe.score.notation import write
from transcribe.score.score import Score
from transcribe.score.voices import with_voices

MELODY = {0: 76, 6: 74}
"""Which twelfths of the bar it begins."""
FIGURE = (60, 64, 67)


def triplets(*, held: float, louder: int, hand: str = "right", outer: int = 1) -> Score:
    """Two bars of triplets of which every sixth, far outside, is held for so many quarters."""
    written = []
    for bar in (1, 2):
        for n in range(12):
            inner = FIGURE[n % 3]
            pitch = MELODY.get(n, inner) if outer > 0 else {0: 36, 6: 38}.get(n, inner)
            written.append((hand, bar, f"{n}/3", "1/3", pitch))
    score = score_of(written)
    notes = []
    for each in score.notes:
        if each.note.pitch not in FIGURE:
            note = replace(
                each.note, offset=each.note.onset + held, velocity=each.note.velocity + louder
            )
            each = replace(each, note=note)
        notes.append(each)
    return replace(score, notes=tuple(notes))


def lengths(score: Score) -> set[Fraction]:
    """Of the melody, without its last note, which nothing follows."""
    return {note.length for note in score.notes[:-6] if note.note.pitch not in FIGURE}


def test_what_is_held_through_a_figure_lasts_to_the_next_note_of_the_melody():
    assert lengths(with_melodies(triplets(held=1.9, louder=0))) == {2}
    assert lengths(with_melodies(triplets(held=1.3, louder=20))) == {2}
    assert lengths(with_melodies(triplets(held=1.9, louder=0, hand="left", outer=-1))) == {2}


def test_what_is_released_with_the_figure_is_a_note_of_it():
    third = {Fraction(1, 3)}
    assert lengths(with_melodies(triplets(held=0.4, louder=20))) == third
    assert lengths(with_melodies(triplets(held=1.0, louder=0))) == third


def test_the_figure_is_no_melody():
    score = with_melodies(triplets(held=1.9, louder=0))
    assert {each.length for each in score.notes if each.note.pitch in FIGURE} == {Fraction(1, 3)}


def test_a_melody_over_triplets_is_the_upper_voice_throughout():
    """Stems up, the figure's down, in one staff; where the melody sounds the figure has no rest."""
    sheet = write(with_voices(with_melodies(triplets(held=1.9, louder=10))))
    for bar in sheet.bars:
        upper, lower = (line for line in bar.lines if line.staff == 1)
        assert [(item.value.type, item.stem) for item in upper.items] == [("half", "up")] * 2
        assert [str(item.heads[0].spelling) for item in upper.items] == ["E5", "D5"]
        assert {item.stem for item in lower.items if item.heads} == {"down"}
        assert sum(len(item.heads) for item in lower.items) == 10
        assert all(item.is_hidden for item in lower.items if item.is_rest)


def test_dotted_notes_of_a_melody_are_not_split_by_the_triplets_below():
    """As in the Moonlight sonata: a dotted eighth and a sixteenth end the bar."""
    score = triplets(held=1.9, louder=20)
    dotted = [("right", 1, "3", "1/3", 76), ("right", 1, "15/4", "1/4", 76)]
    added = [
        replace(each, note=replace(each.note, velocity=84, offset=each.note.onset + held))
        for each, held in zip(score_of(dotted).notes, (0.74, 0.2), strict=True)
    ]
    notes = [
        each
        for each in score.notes
        if each.bar == 2 or each.beat != 3  # the figure's own note there
    ]
    music = replace(score, notes=tuple(sorted([*notes, *added], key=lambda each: each.note)))
    sheet = write(with_voices(with_melodies(music)))
    upper = next(line for line in sheet.bars[0].lines if line.voice == 1)
    values = [item.value.type + "." * item.value.dots for item in upper.items if item.start]
    assert values[-2:] == ["eighth.", "16th"]
    assert all(item.tuplet is None for item in upper.items)
