"""The map of the code is the code's own."""

from __future__ import annotations

import pytest

from eval.publish.architecture import PAGE, first_line, page


def test_the_map_is_what_the_tree_makes():
    assert page() == PAGE.read_text("utf-8"), "run python -m eval.publish.architecture"


def test_a_room_that_does_not_say_what_it_is_for_is_refused(tmp_path):
    (tmp_path / "transcribe" / "cellar").mkdir(parents=True)
    (tmp_path / "eval").mkdir()
    (tmp_path / "transcribe" / "cellar" / "__init__.py").write_text("from x import y\n")
    with pytest.raises(ValueError, match=r"a docstring at the top of .*cellar"):
        page(tmp_path)


def test_a_room_is_told_by_its_first_sentence_and_its_modules_in_the_order_of_the_flow(tmp_path):
    room = tmp_path / "transcribe" / "cellar"
    room.mkdir(parents=True)
    (tmp_path / "eval").mkdir()
    (room / "__init__.py").write_text('"""Where wine\nlies.\n\nFor long."""\n')
    for name in ("apples", "midi", "notes"):
        (room / f"{name}.py").write_text(f'"""About {name} | more."""\n')
    assert first_line(room / "__init__.py") == "Where wine lies."
    text = page(tmp_path)
    assert "### transcribe/cellar/\n\nWhere wine lies.\n" in text
    places = [text.index(rf"About {name} \| more.") for name in ("notes", "midi", "apples")]
    assert places == sorted(places)
