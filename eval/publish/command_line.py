"""Write ``docs/cli.md``: every command with its options, as ``--help`` shows them.

python -m eval.publish.command_line
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from transcribe.cli import COMMANDS, make_parser

PAGE = Path(__file__).resolve().parents[2] / "docs" / "cli.md"
_START = """# The command line

What `transcribe --help` and `transcribe COMMAND --help` show. This page is written by
`python -m eval.publish.command_line`; the texts are in the commands themselves.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page."""
    described = argparse.ArgumentParser("python -m eval.publish.command_line", description=__doc__)
    described.parse_args(arguments)
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}")
    return 0


def page() -> str:
    """All commands, in Markdown; transcribing comes first."""
    parts = [_START]
    for name in (None, *COMMANDS):
        parser = make_parser(name)
        parts.append(f"## {parser.prog}\n")
        parts.append(f"```\n{_usage(parser)}\n```\n")
        parts.append(f"{parser.description}\n")
        for group in parser._action_groups:
            lines = [_line(each) for each in group._group_actions if each.dest != "help"]
            if lines:
                title = (group.title or "").replace("positional arguments", "arguments")
                about = f" ({group.description})" if group.description else ""
                parts.append("\n".join([f"**{title}**{about}\n", *lines, ""]))
        if parser.epilog:
            raw = parser.formatter_class is argparse.RawDescriptionHelpFormatter
            parts.append(f"```\n{parser.epilog}\n```\n" if raw else f"{parser.epilog}\n")
    return "\n".join(parts)


def _usage(parser: argparse.ArgumentParser) -> str:
    if parser.usage:
        return parser.usage
    required = [each for each in parser._actions if each.option_strings and each.required]
    arguments = [each for each in parser._actions if not each.option_strings]
    words = [*(_names(each).partition(",")[0] for each in required), "[options]"]
    for each in arguments:
        words.append(f"{each.metavar} [{each.metavar} ...]" if each.nargs else str(each.metavar))
    return " ".join([parser.prog, *words])


def _line(action: argparse.Action) -> str:
    return f"- `{_names(action)}`: {(action.help or '').replace('%%', '%')}"


def _names(action: argparse.Action) -> str:
    return ", ".join(_with_values(action)) if action.option_strings else str(action.metavar)


def _with_values(action: argparse.Action) -> Iterator[str]:
    value = ""
    if action.nargs != 0:
        value = f" {action.metavar or '{' + ','.join(map(str, action.choices or ())) + '}'}"
    for name in action.option_strings:
        yield name + value


if __name__ == "__main__":
    raise SystemExit(main())
