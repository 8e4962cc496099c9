"""The page: a local server, what it keeps, and the work it has done; see ``docs/web.md``.

Modules
-------
``serve`` is the command; ``app`` the addresses and ``access`` who may use them;
``library`` keeps recordings, settings and edits; ``job_queue`` has the work done in
``worker`` processes, which run one ``transcription_job`` at a time; ``note_service``
makes notes of what was found, the settings and the ``edits``; ``downloads`` and
``picture`` write them down; ``piano`` plays them.

The server itself never imports torch, so it starts at once and stays small; whatever a
recording may do to a decoder, it does to a worker. Times are seconds.
"""
