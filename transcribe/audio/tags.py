"""What a recording says of itself: title and composer."""

from __future__ import annotations

from pathlib import Path

import av

from transcribe.audio.container import open_recording

_ASKED_FOR = ("title", "composer")


def read_tags(path: Path) -> dict[str, str]:
    """Title and composer of a recording, as far as its tags say; nothing for what has none.

    The artist of a recording is who plays, so an artist is not taken for a composer.
    """
    try:
        with open_recording(path) as container:
            tags = {name.lower(): text.strip() for name, text in container.metadata.items()}
            for stream in container.streams:
                tags |= {name.lower(): text.strip() for name, text in stream.metadata.items()}
    except av.error.FFmpegError:
        return {}
    return {name: tags[name] for name in _ASKED_FOR if tags.get(name)}
