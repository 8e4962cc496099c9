"""Many recordings, unattended: plan, run, resume, report.

Rooms
-----
``command`` is ``transcribe archive``; ``listing`` finds recordings in a ``store`` (a folder,
or what else an address names), and ``plan`` settles which become which files, held against
the ``manifest`` and the disk. ``run`` gives the ``work`` to a ``pool`` of workers, writes
down what came of it, and tries again what killed its worker. ``report`` tells a person.

Only workers import torch: the plan, the manifest and the driver stay small and start at
once, and whatever a file may do to a decoder it does to a worker. Times are seconds.
"""
