"""An iterable run a few items ahead in a thread of its own.

Decoding waits for disks and networks and lets go of the interpreter while it computes, so
it can go on while the network is busy with the block before.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from typing import TypeVar

Item = TypeVar("Item")


def prefetch(items: Iterable[Item], n_ahead: int = 2) -> Generator[Item, None, None]:
    """The same items; up to ``n_ahead`` of them are made before they are asked for.

    What making them raises is raised here, after the items before it. A consumer that
    stops early stops the thread.
    """
    ready: queue.Queue[tuple[Item | None, BaseException | None]] = queue.Queue(n_ahead)
    stopped = threading.Event()

    def offer(item: Item | None, error: BaseException | None) -> None:
        while not stopped.is_set():
            try:
                ready.put((item, error), timeout=0.1)
                return
            except queue.Full:
                continue

    def make() -> None:
        try:
            for item in items:
                offer(item, None)
                if stopped.is_set():
                    return
        except BaseException as error:
            offer(None, error)
        else:
            offer(None, StopIteration())

    thread = threading.Thread(target=make, name="ahead", daemon=True)
    thread.start()
    try:
        while True:
            item, error = ready.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield item  # type: ignore[misc]
    finally:
        stopped.set()
        thread.join()
