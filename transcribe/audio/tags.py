"""What a recording says of itself: title and composer."""

from __future__ import annotations

from pathlib import Path

import av

from transcribe.audio.container import open_recording

_NAMES = {"title": ("title",), "composer": ("composer", "artist")}
"""What is asked for, and the tags that say it, the first that is there."""


def read_tags(path: Path) -> dict[str, str]:
    """Title and composer of a recording, as far as its tags say; nothing for what has none."""
    try:
        with open_recording(path) as container:
            tags = {name.lower(): text.strip() for name, text in container.metadata.items()}
            for stream in container.streams:
                tags |= {name.lower(): text.strip() for name, text in stream.metadata.items()}
    except av.error.FFmpegError:
        return {}
    return {
        what: next(tags[name] for name in names if tags.get(name))
        for what, names in _NAMES.items()
        if any(tags.get(name) for name in names)
    }
