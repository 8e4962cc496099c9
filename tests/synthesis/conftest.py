"""A synthetic instrument of decaying tones."""

import pytest

from eval.data.synthetic_bank import write_synthetic_bank
from transcribe.synthesis.sample_bank import SampleBank


@pytest.fixture(scope="package")
def folder(tmp_path_factory):
    return write_synthetic_bank(tmp_path_factory.mktemp("bank"))


@pytest.fixture(scope="package")
def bank(folder):
    return SampleBank.load(folder)
