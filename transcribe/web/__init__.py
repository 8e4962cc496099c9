"""The musician's page: a local server, what it keeps, and the work it has done.

Rooms
-----
``serve`` is the command; ``app`` the addresses and ``guard`` who may use them; ``library``
keeps recordings, settings and edits; ``crew`` has the work done in ``worker`` processes,
which run one ``hearing`` at a time; ``desk`` makes notes of what was heard, the settings
and the ``edits``; ``downloads`` and ``picture`` write them down; ``piano`` plays them.

The server itself never imports torch, so it starts at once and stays small; whatever a
recording may do to a decoder, it does to a worker. Times are seconds.
"""
