"""Many recordings, unattended: plan, run, resume, report.

``command`` is ``transcribe archive``, ``run_archive`` one run of it from start to end.
``listing`` finds the recordings in a store (`storage`: a folder or a bucket), and ``plan``
decides which are to be transcribed, comparing them with the ``manifest`` and the outputs on
disk. ``driver`` gives jobs to a pool of workers (`workers`: processes or a Ray cluster), saves
each result, and retries what crashed its worker. ``report`` and ``html_report`` are for people.

Only workers import torch: the driver stays small and starts at once, and a file that crashes
a decoder crashes a worker, not the run. Times are seconds.
"""
