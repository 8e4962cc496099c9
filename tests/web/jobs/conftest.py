"""A server that hears, and the prelude transcribed by it and by the command."""

from __future__ import annotations

import pytest
from web_server import serving

from .prelude import PRELUDE, listen


@pytest.fixture(scope="package")
def library(tmp_path_factory):
    return tmp_path_factory.mktemp("library")


@pytest.fixture(scope="package")
def client(library):
    """A server that hears with the packaged weights."""
    with serving(library, n_jobs=1, options=("--device", "cpu", "--threads", "1")) as client:
        yield client


@pytest.fixture(scope="package")
def prelude(client):
    """The prelude, transcribed; with the events that were sent meanwhile."""
    name = client.upload(PRELUDE.read_bytes(), PRELUDE.name).json["id"]
    events = listen(client, name)
    return client.wait(name), events
