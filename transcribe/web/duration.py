"""How long a recording says it is, found in a process of its own.

    python -m transcribe.web.duration FILE

Prints seconds, or ``null`` where the header gives none or the file can't be opened: the
worker reports that once it is this recording's turn. Whatever the file may do to a
decoder, it does to this process.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from transcribe.audio.reader import AudioReader
from transcribe.errors import AudioError


def main() -> int:
    """Print the duration in seconds."""
    try:
        seconds = AudioReader(Path(sys.argv[1])).info.duration
    except (AudioError, OSError, ValueError):
        seconds = None
    print(json.dumps(seconds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
