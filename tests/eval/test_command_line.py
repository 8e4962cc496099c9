"""The page on the command line says what the commands say themselves."""

from pathlib import Path

import pytest

from eval.publish import command_line, readme
from eval.publish.command_line import PAGE, page


def test_the_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == page(), (
        "docs/cli.md differs from --help; run python -m eval.publish.command_line"
    )


@pytest.mark.parametrize("module", [command_line, readme])
def test_asking_a_page_writer_for_help_writes_nothing(module, monkeypatch, capsys):
    monkeypatch.setattr(Path, "write_text", lambda *_, **__: pytest.fail("a page was written"))
    with pytest.raises(SystemExit, match="0"):
        module.main(["--help"])
    assert f"python -m {module.__name__}" in capsys.readouterr().out
