import sys

import pytest

from eval.accuracy.musical import musical_measures
from transcribe.errors import TranscribeError
from transcribe.notes import Note, PedalPress, Performance


def two_voices(every_other: bool = False) -> Performance:
    """A melody of growing and shrinking steps over a slower bass, getting louder."""
    notes, onset = [], 0.5
    for number in range(40):
        onset += 0.2 + 0.1 * (number % 3)
        for pitch, held, velocity in (
            (72 + number * 5 % 12, 0.15, 50 + number),
            (48 + number * 7 % 12, 0.1, 50),
        ):
            if not (every_other and number % 2):
                offset = onset + held
                notes.append(Note(onset=onset, pitch=pitch, offset=offset, velocity=velocity))
    return Performance(notes, [PedalPress(onset=1.0, offset=1.5)])


def test_without_mpteval_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "mpteval", None)
    with pytest.raises(TranscribeError, match=r"pip install -e '.\[mpteval\]'"):
        musical_measures(two_voices(), two_voices())


def test_what_was_played_correlates_with_itself_and_less_with_half_of_it():
    pytest.importorskip("mpteval", reason="needs the extra mpteval, which brings scikit-learn")
    same = musical_measures(two_voices(), two_voices())
    assert set(same) >= {"musical/timing/melody_ioi_corr", "musical/articulation/melody_kor_corr"}
    assert same["musical/timing/melody_ioi_corr"] == pytest.approx(1)
    assert same["musical/dynamics"] == pytest.approx(1)
    assert same["musical/harmony/tensile_strain_corr"] == pytest.approx(1)
    half = musical_measures(two_voices(), two_voices(every_other=True), ref_has_pedal=False)
    assert half["musical/timing/melody_ioi_corr"] < 0.9
    assert not any("articulation" in name for name in half)
    assert musical_measures(two_voices(), Performance()) == {}
