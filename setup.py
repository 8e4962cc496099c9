"""Puts conf/, the settings of training runs, into the wheel as transcribe/conf/.

Everything else about the build is in pyproject.toml.
"""

from pathlib import Path
from shutil import copytree

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithConf(build_py):
    """Builds the package with conf/ in it; an editable one has it beside it."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            here = Path(__file__).parent
            copytree(here / "conf", Path(self.build_lib) / "transcribe/conf", dirs_exist_ok=True)


setup(cmdclass={"build_py": BuildWithConf})
