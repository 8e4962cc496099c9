"""``transcribe serve``: the page in the browser."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from transcribe.options import (
    Subparsers,
    UsageError,
    add_checkpoint,
    add_command,
    add_device,
    add_threads,
    path_name,
    whole_number,
)
from transcribe.web.port import DEFAULT_PORT


def add_parser(subparsers: Subparsers) -> None:
    """The options of ``transcribe serve``."""
    parser = add_command(
        subparsers,
        "serve",
        run,
        description="Open a page in the browser that transcribes recordings. Everything stays on "
        "this computer; nothing is sent anywhere. Stop it with Ctrl-C.",
    )
    add = parser.add_argument
    add(
        "--folder",
        metavar="FOLDER",
        type=path_name,
        help="where recordings and notes are kept (default: the folder transcribe in the data "
        "folder of your account, on Linux ~/.local/share/transcribe)",
    )
    add(
        "--host",
        metavar="ADDRESS",
        help="address of this computer at which other devices in the house may use the page too, "
        "0.0.0.0 for any; prints a link with a token that admits one device",
    )
    add(
        "--port",
        metavar="N",
        type=_port,
        help=f"port to listen on (default: {DEFAULT_PORT}, or a free one if that is taken)",
    )
    add(
        "--background",
        action="store_true",
        help="go on without this terminal; Quit on the page ends it",
    )
    add(
        "--install-shortcut",
        action="store_true",
        help="put transcribe among the programs of your account, to be started with these options "
        "in the background, and end (Linux; on macOS and Windows untried)",
    )
    add("--no-browser", action="store_true", help="print the address without opening a browser")
    add(
        "--max-upload",
        metavar="GB",
        type=_gigabytes,
        default=2.0,
        help="largest recording to accept (default: 2)",
    )
    add(
        "--jobs",
        metavar="N",
        type=whole_number,
        default=1,
        help="number of recordings to transcribe at the same time (default: 1)",
    )
    add_device(parser)
    add_threads(parser, help="CPU threads for each recording")
    add_checkpoint(parser)


def run(options: argparse.Namespace) -> int:
    """Serve the page until Ctrl-C, or have it served in the background."""
    folder = (options.folder or default_folder()).expanduser().absolute()
    if options.install_shortcut or options.background:
        if options.host is not None:
            raise UsageError(
                "--host: the address with the token that admits a device is printed in a terminal; "
                "leave out --host, or --background and --install-shortcut"
            )
        from transcribe.web.shortcut import install_shortcut, start_in_background

        if options.install_shortcut:
            return install_shortcut(options)
        return start_in_background(folder, options)
    from transcribe.web.serve import serve

    return serve(folder, options)


def default_folder() -> Path:
    """Where programs keep a user's data on this kind of computer."""
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "transcribe"
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "transcribe"
    data_home = os.environ.get("XDG_DATA_HOME", "")
    return (
        Path(data_home) if os.path.isabs(data_home) else home / ".local" / "share"
    ) / "transcribe"


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"expected a port from 1 to 65535; found {text!r}")
    return int(text)


def _gigabytes(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e4:
        raise argparse.ArgumentTypeError(f"expected gigabytes, above 0; found {text!r}")
    return value
