"""``transcribe site``: a folder of static files, the page with its engine in the browser.

What is built from JavaScript (``transcribe/web/tab``) comes with the package. Here the network,
the filters, the piano and the list of all files are added to it.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import hashlib
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from transcribe.errors import TranscribeError
from transcribe.files.json_text import parse_json
from transcribe.files.names import is_unfinished, unfinished_name
from transcribe.files.relative import remove_inside
from transcribe.options import Subparsers, UsageError, add_command, add_overwrite, path_name
from transcribe.terminal import say
from transcribe.wording import reason

BUILT = Path(__file__).parent / "built"
"""What ``node build.mjs`` makes in the folder ``tab``."""
SOURCE = Path(__file__).parent / "tab"
HOW_TO_BUILD = "npm --prefix transcribe/web/tab ci && npm --prefix transcribe/web/tab run build"
_INDEX, _SERVICE_WORKER = "index.html", "service-worker.js"
_LIST_START = "const SITE = "
_KEPT = (".css", ".html", ".js", ".json", ".mjs", ".ogg", ".svg", ".txt", ".webmanifest", ".gz")


def add_parser(subparsers: Subparsers) -> None:
    """The options of ``transcribe site``."""
    parser = add_command(
        subparsers,
        "site",
        run,
        description="Write the page as a folder of static files that transcribe in the browser: "
        "for any web host, or `python3 -m http.server`. Recordings never leave the visitor's "
        "computer, and after the first visit the page works offline.",
    )
    parser.add_argument(
        "folder", metavar="FOLDER", type=path_name, help="where the site goes; made if need be"
    )
    add_overwrite(parser)


def run(options: argparse.Namespace) -> int:
    """Write the site and say where."""
    folder: Path = options.folder
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: expected a folder for the site, found a file")
    if folder.is_dir() and not options.overwrite and not all(map(_is_left, folder.iterdir())):
        if not (folder / _SERVICE_WORKER).is_file():
            raise UsageError(
                f"{folder}: expected an empty folder, found other files; name another folder"
            )
        raise UsageError(f"{folder}: there is a site already; --overwrite replaces it")
    try:
        n_bytes = write_site(folder)
    except OSError as error:
        raise TranscribeError(
            f"{folder}: can't be written: {reason(error, about=folder)}"
        ) from error
    say(f"{folder}: {n_bytes / 1e6:.1f} MB, to be put on a web host; to try it here:", sys.stdout)
    say(f"python3 -m http.server --directory {folder} 8000", sys.stdout)
    return 0


def write_site(folder: Path) -> int:
    """Write the site into a folder; files of an earlier one are replaced when all are made.

    Returns
    -------
    int
        Bytes of all its files together.

    Raises
    ------
    TranscribeError
        The page is not built.
    OSError
        The folder can't be written to.
    """
    if not (BUILT / _INDEX).is_file():
        raise TranscribeError(
            "the page for browsers is not built in this checkout; build it with Node.js 20 or "
            f"newer: {HOW_TO_BUILD}"
        )
    folder.mkdir(parents=True, exist_ok=True)
    earlier = _listed(folder)
    with _made_aside(folder) as made:
        shutil.copytree(BUILT, made, dirs_exist_ok=True)
        write_model(made)
        write_piano(made / "piano")
        write_parts(made / "licences.json")
        paths = [path for path in made.rglob("*") if path.is_file()]
        names = sorted(path.relative_to(made).as_posix() for path in paths if _is_named(path))
        digest = hashlib.sha256((BUILT / _SERVICE_WORKER).read_bytes())
        for name in names:
            digest.update(name.encode())
            digest.update((made / name).read_bytes())
        site = {"name": digest.hexdigest()[:16], "files": names}
        script = (BUILT / _SERVICE_WORKER).read_text("utf-8")
        (made / _SERVICE_WORKER).write_text(f"{_LIST_START}{json.dumps(site)};\n{script}", "utf-8")
        # What tells browsers of a new site comes last.
        for path in sorted(paths, key=lambda path: path.name == _SERVICE_WORKER):
            place = folder / path.relative_to(made)
            place.parent.mkdir(parents=True, exist_ok=True)
            path.replace(place)
        made_now = {path.relative_to(made).as_posix() for path in paths}
        remove_inside(folder, sorted(earlier - made_now))
    return sum((folder / name).stat().st_size for name in (*names, _SERVICE_WORKER))


def _listed(folder: Path) -> set[str]:
    """The files that the list of an earlier site in this folder has."""
    try:
        first, *_ = (folder / _SERVICE_WORKER).read_text("utf-8").split("\n", 1)
        listed = parse_json(first.removeprefix(_LIST_START).removesuffix(";"))
        return {name for name in listed["files"] if isinstance(name, str)}
    except (OSError, ValueError, TypeError, KeyError):
        return set()


@contextlib.contextmanager
def _made_aside(folder: Path) -> Iterator[Path]:
    """A hidden folder in the site's, where a new one is made while the old one stays whole."""
    for path in filter(_is_left, folder.iterdir()):
        shutil.rmtree(path, ignore_errors=True)
    made = folder / unfinished_name(folder.name)
    made.mkdir()
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _is_left(path: Path) -> bool:
    """Whether a run that was killed left this."""
    return is_unfinished(path.name)


def _is_named(path: Path) -> bool:
    """Whether browsers are to keep a file."""
    return path.suffix in _KEPT and path.name != _SERVICE_WORKER


def write_model(folder: Path) -> None:
    """Write the network that the command runs, and the filters of its features."""
    from safetensors.numpy import save

    from transcribe.checkpoint import load_checkpoint
    from transcribe.features import exported
    from transcribe.weights_file import PACKAGED

    checkpoint = load_checkpoint(PACKAGED)
    _write_packed(folder / "model.onnx.gz", PACKAGED.read_bytes())
    _write_packed(folder / "features.safetensors.gz", save(exported(checkpoint.features)))


def write_piano(folder: Path) -> None:
    """Write the notes that the page plays, and what it has to know of each."""
    from transcribe.synthesis.sample_bank import packaged_piano

    folder.mkdir(exist_ok=True)
    listed = []
    for file in packaged_piano().as_files():
        shutil.copyfile(file.path, folder / file.path.name)
        said = {"file": file.path.name, "pitch": file.pitch, "velocity": file.velocity}
        listed.append({**said, "lead": round(file.lead, 5), "gain": round(file.gain, 6)})
    (folder / "piano.json").write_text(json.dumps(listed, indent=0), "utf-8")


def write_parts(path: Path) -> None:
    """Name the weights and the piano, with their licences, beside what the page is built of.

    What each does is told by the page, by the key ``tab.part.…`` of its texts.
    """
    from transcribe.synthesis.sample_bank import PACKAGED as PIANO
    from transcribe.weights_file import PACKAGED, read_header

    header = read_header(PACKAGED)
    piano = parse_json((PIANO / "manifest.json").read_text("utf-8"))
    built = BUILT / path.name
    parts = parse_json(built.read_text("utf-8")) if built.is_file() else []
    weights = f"{header['name']} {header['version']}"
    parts += [
        {"name": weights, "does": "weights", "licence": header["licence"]},
        {"name": piano["piano"], "does": "piano", "licence": piano["licence"]},
    ]
    path.write_text(json.dumps(parts, indent=1), "utf-8")


def _write_packed(path: Path, content: bytes) -> None:
    path.write_bytes(gzip.compress(content, 9, mtime=0))
