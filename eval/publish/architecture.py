"""Write the map of the code: ``python -m eval.publish.architecture``.

`docs/architecture.md` lists every room of `transcribe/` and `eval/` with what it is for, and
its modules with the first line of their docstrings, so it can't say anything that the code
does not; `tests/eval/test_architecture.py` fails where they differ.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from eval.publish.readme import ROOT

PAGE = ROOT / "docs" / "architecture.md"
_FLOW = [
    "cli",
    "notes",
    "errors",
    "features",
    "frames",
    "rolls",
    "windows",
    "checkpoint",
    "transcriber",
    "midi",
    "export",
]
"""Modules of the flow, in the order in which they are best read."""
BEGINNING = """# The map

Written from the code by `python -m eval.publish.architecture`.

```
recording -> audio -> features -> windows(model) -> decode -> Performance -> midi
```

`transcribe/transcriber.py` is that line as code, and everything that transcribes calls it: the
command line, the page, an archive's workers, validation and the benchmarks. Imports point down
only; the contracts in `pyproject.toml` (`lint-imports`) hold the order of the rooms and say which
room alone may import torch's trainer, a codec, a MIDI library, a web server, Ray.
"""


def page(root: Path = ROOT) -> str:
    """The page as Markdown.

    Raises
    ------
    ValueError
        A module or room does not say what it is for.
    """
    parts = [BEGINNING.rstrip()]
    parts.append("## transcribe/: the flow and what stands under it")
    parts.append(_modules(root / "transcribe", root))
    for room in _rooms(root / "transcribe"):
        parts += _room(room, root, "###")
    parts.append("## eval/: how figures are made")
    parts.append(_modules(root / "eval", root))
    for room in _rooms(root / "eval"):
        parts += _room(room, root, "###")
    return "\n\n".join(part for part in parts if part) + "\n"


def first_line(module: Path) -> str:
    """What a module says it is for, up to its docstring's first empty line.

    Raises
    ------
    ValueError
        It says nothing.
    """
    docstring = ast.get_docstring(ast.parse(module.read_text("utf-8")))
    if not docstring:
        raise ValueError(f"expected a docstring at the top of {module}; found none")
    return " ".join(docstring.split("\n\n")[0].split())


def _room(room: Path, root: Path, heading: str) -> Iterator[str]:
    yield f"{heading} {room.relative_to(root).as_posix()}/"
    yield first_line(room / "__init__.py")
    yield _modules(room, root)
    for inner in _rooms(room):
        yield from _room(inner, root, heading + "#")


def _rooms(folder: Path) -> list[Path]:
    return sorted(init.parent for init in folder.glob("*/__init__.py"))


def _modules(folder: Path, root: Path) -> str:
    modules = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
    modules.sort(key=lambda path: (_place(path.stem), path.stem))
    lines = [
        f"| [`{path.name}`](../{path.relative_to(root).as_posix()}) | {_cell(path)} |"
        for path in modules
    ]
    return "\n".join(["| | |", "|---|---|", *lines]) if lines else ""


def _cell(module: Path) -> str:
    return first_line(module).replace("|", "\\|")


def _place(name: str) -> int:
    return _FLOW.index(name) if name in _FLOW else len(_FLOW)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page."""
    if list(sys.argv[1:] if arguments is None else arguments):
        print("usage: python -m eval.publish.architecture", file=sys.stderr)
        return 2
    PAGE.write_text(page(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
