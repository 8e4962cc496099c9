"""Where the settings of every published run are: in conf/ of a checkout, or in the package."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_INSTALLED = _PACKAGE / "conf"
CONF = _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent / "conf"
"""A wheel has a copy of conf/ in the package (setup.py)."""
