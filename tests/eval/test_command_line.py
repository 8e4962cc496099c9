"""The page on the command line says what the commands say themselves."""

from eval.publish.command_line import PAGE, page


def test_the_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == page(), (
        "docs/cli.md differs from --help; run python -m eval.publish.command_line"
    )
