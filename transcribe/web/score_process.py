"""The process in which scores are made, one after the other; it can be ended while it works."""

from __future__ import annotations

import signal
import traceback
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from transcribe.errors import UNEXPECTED, TranscribeError

Tell = Callable[[float], None]
"""Is told how much is done, 0 to 1."""


class ScoreProcess:
    """A process that imports what making scores needs once, and waits."""

    def __init__(self) -> None:
        context = get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    def make(self, make: Callable[..., Any], arguments: tuple[Any, ...], tell: Tell | None) -> Any:
        """What a function gives that is called there; for a thread, as it takes its time.

        One that takes `tell` may be given it.

        Raises
        ------
        EOFError
            The process has ended.
        """
        try:
            self._connection.send((make, arguments, tell is not None))
            while (answer := self._connection.recv())[0] == "told":
                if tell is not None:
                    tell(answer[1])
        except OSError as error:
            raise EOFError("the process that makes scores has ended") from error
        kind, value = answer
        if kind == "failed":
            raise value
        return value

    def end(self) -> None:
        """End it at once, whatever it does."""
        self._process.kill()
        self._process.join(1.0)


def _serve(connection: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends us
    while True:
        try:
            make, arguments, tells = connection.recv()
        except EOFError:
            return
        options = {"tell": lambda share: connection.send(("told", share))} if tells else {}
        try:
            answer = ("made", make(*arguments, **options))
        except TranscribeError as error:
            answer = ("failed", error)
        except (OSError, MemoryError, *UNEXPECTED) as error:
            traceback.print_exc()
            answer = ("failed", error)
        connection.send(answer)
