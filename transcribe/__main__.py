"""``python -m transcribe`` is the command ``transcribe``."""

import sys

from transcribe.cli import main

sys.exit(main())
