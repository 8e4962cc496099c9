"""What a run has to do: what is new, changed, gone or moved since the last one."""

from __future__ import annotations

import os
from argparse import Namespace

import numpy as np
import pytest
from archive_tree import Tree

from transcribe.archive import plan as p
from transcribe.archive import run_archive
from transcribe.archive.forecast import REAL_TIME_FACTOR, Forecast
from transcribe.archive.plan import apply
from transcribe.archive.rows import (
    FAILED,
    QUARANTINED,
    Row,
)
from transcribe.archive.storage.base import StoreError
from transcribe.archive.storage.local import LocalStore
from transcribe.decode.config import DecodeConfig
from transcribe.weights_file import write_weights


@pytest.fixture
def tree(tmp_path):
    tree = Tree(tmp_path)
    yield tree
    tree.manifest.close()


def test_a_finished_archive_leaves_nothing_to_do(tree):
    tree.add("a.wav")
    tree.add("b.wav")
    assert tree.run().why == {p.NEW: 2}
    plan = tree.plan()
    assert (plan.todo, plan.n_finished, plan.n_outdated) == ([], 2, 0)


def test_a_changed_recording_is_done_again_and_a_touched_one_is_not(tree):
    touched, changed, same_size = (tree.add(name) for name in ("a.wav", "b.wav", "c.wav"))
    tree.run()
    os.utime(touched, (1, 1))
    changed.write_text("longer than before")
    same_size.write_text("C.WAV")
    os.utime(same_size, (2, 2))
    plan = tree.run()
    assert [row.name for row in plan.todo] == ["b.wav", "c.wav"]
    assert plan.why == {p.CHANGED: 2}
    assert tree.plan().todo == []


@pytest.mark.parametrize("how", ["removed", "emptied", "edited"])
def test_an_output_that_is_not_as_it_was_written_is_done_again(tree, how):
    tree.add("a.wav")
    tree.run()
    output = tree.out.root / "a.mid"
    if how == "removed":
        output.unlink()
    else:
        output.write_text("" if how == "emptied" else "of A.WAV")
    os.utime(tree.out.root, (1, 1))
    (row,) = tree.plan().todo
    assert tree.plan().why == {p.LOST: 1}
    assert row.guarded == (how != "removed")


def test_an_output_whose_date_alone_changed_is_as_it_was(tree):
    tree.add("a.wav")
    tree.run()
    os.utime(tree.out.root / "a.mid", (1, 1))
    assert tree.plan().todo == []


def test_a_moved_tree_takes_its_outputs_along(tree):
    tree.add("old/a.wav")
    tree.add("old/b.wav")
    tree.run()
    (tree.source.root / "old").rename(tree.source.root / "new")
    (tree.source.root / "new" / "a.wav").rename(tree.source.root / "new" / "c.wav")
    plan = tree.run()
    assert (plan.todo, plan.n_moved, plan.n_gone) == ([], 2, 0)
    assert tree.outputs() == {"new/c.mid", "new/b.mid"}
    assert (tree.out.root / "new" / "c.mid").read_text() == "of old/a.wav"
    assert tree.plan().todo == []
    assert tree.plan().n_moved == 0


def test_a_move_that_was_cut_short_is_finished(tree):
    tree.add("a.wav")
    tree.run()
    (tree.source.root / "a.wav").rename(tree.source.root / "b.wav")
    tree.out.rename("a.mid", "b.mid")  # the power went before the manifest was written
    assert tree.run().todo == []
    assert tree.plan().n_moved == 0


def test_another_root_with_the_same_tree_is_recognised(tree, tmp_path):
    tree.add("a.wav")
    tree.run()
    tree.source.root.rename(tmp_path / "other disk")
    tree.source = LocalStore(tmp_path / "other disk")
    os.utime(tree.source.root / "a.wav", (5, 5))
    assert tree.plan().todo == []


def test_a_recording_that_is_gone_keeps_its_output(tree):
    tree.add("a.wav")
    gone = tree.add("b.wav")
    tree.run()
    gone.unlink()
    plan = tree.run()
    assert (plan.n_gone, plan.n_finished, plan.todo) == (1, 1, [])
    assert tree.outputs() == {"a.mid", "b.mid"}
    tree.add("b.wav")
    assert tree.run().todo == []


def test_an_empty_source_where_there_was_one_is_refused(tree):
    path = tree.add("a.wav")
    tree.run()
    path.unlink()
    with pytest.raises(StoreError, match="mounted"):
        tree.plan()


def test_another_model_or_other_settings_are_told_and_redone_only_if_asked(tree):
    tree.add("a.wav")
    tree.run()
    for change in ({"model_sha256": "bb"}, {"settings": '{"offsets": "sustained"}'}):
        plan = tree.plan(**change)
        assert (plan.todo, plan.n_outdated) == ([], 1)
        plan = tree.run(**change, redo=True)
        assert plan.why == {p.REDO: 1}
        assert not plan.todo[0].guarded
        assert tree.plan(**change).n_outdated == 0
        tree.run(redo=True)


def test_the_same_weights_with_other_thresholds_are_other_settings(tmp_path):
    found = []
    for threshold in (0.4, 0.45):
        path = tmp_path / f"{threshold}.safetensors"
        settings = {"decode": DecodeConfig(pedal_threshold=threshold)}
        write_weights(path, "test-1", {"a": np.zeros(3, np.float32)}, settings, {"name": "small"})
        options = Namespace(
            checkpoint=path,
            offsets="key",
            a4=440.0,
            redo=False,
            retry=False,
            **dict.fromkeys(("csv", "json"), False),
            **dict.fromkeys(("onset_threshold", "frame_threshold", "minimum_note")),
        )
        found.append(run_archive._wanted(options))
    first, second = found
    assert first.model_sha256 == second.model_sha256
    assert first.settings != second.settings


def test_failures_stay_unless_they_may_pass_or_are_asked_for(tree):
    for name in ("bad.wav", "passing.wav", "poison.wav"):
        tree.add(name)
    apply(tree.plan(), tree.manifest, tree.out)
    states = {"bad.wav": FAILED, "passing.wav": FAILED, "poison.wav": QUARANTINED}
    for row in list(tree.manifest.rows()):
        row.state, row.may_pass = states[row.name], row.name == "passing.wav"
        tree.manifest.save([row])
    assert [row.name for row in tree.plan().todo] == ["passing.wav"]
    assert len(tree.plan(retry=True).todo) == 3


def test_stems_stay_when_a_second_recording_of_the_name_comes(tree):
    tree.add("a.wav")
    tree.run()
    tree.add("a.mp3")
    tree.run()
    assert tree.stems() == {"a.wav": "a", "a.mp3": "a.mp3"}


def test_a_file_of_others_in_the_place_of_an_output_is_guarded(tree):
    tree.add("a.wav")
    tree.add("b.wav")
    tree.out.put("a.mid", b"by hand")
    guarded = {row.name: row.guarded for row in tree.plan().todo}
    assert guarded == {"a.wav": 1, "b.wav": 0}


def test_a_forecast_goes_by_kind_and_size():
    def row(name, size, duration=None, seconds=None):
        return Row(name=name, place="", size=size, duration=duration, seconds=seconds)

    forecast = Forecast([row("a.mp3", 1000, 10.0, 1.0), row("b.mp3", 3000, 30.0, 1.0)])
    assert forecast.duration(row("c.MP3", 500)) == pytest.approx(5)
    assert forecast.duration(row("c.wav", 1_764_000)) == pytest.approx(10)
    assert forecast.real_time_factor == REAL_TIME_FACTOR
    forecast.learn(row("d.mp3", 60_000, 600.0, 4.0))
    assert forecast.real_time_factor == pytest.approx(640 / 6)
