"""Requests to end: whoever sends one, what is half written goes as with Ctrl-C."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def interrupted_by_signals() -> Iterator[None]:
    """Take a request to end, or a closed terminal, for what Ctrl-C is; not under ``nohup``."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    wanted = [signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
    before = {each: signal.getsignal(each) for each in wanted}
    for each, handler in before.items():
        if handler != signal.SIG_IGN:
            signal.signal(each, _interrupt)
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler or signal.SIG_DFL)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
