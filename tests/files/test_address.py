"""Passwords, tokens and signatures in addresses open places and are read nowhere."""

from __future__ import annotations

import base64
import pickle
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from conftest import melody_samples, write_pcm

from transcribe.archive.html_report import as_page
from transcribe.archive.jobs import FAILED, Job
from transcribe.archive.listing import Patterns, list_source
from transcribe.archive.manifest import Manifest
from transcribe.archive.plan import Wanted, apply, make_plan
from transcribe.archive.report import Tally, as_csv
from transcribe.archive.rows import export_csv
from transcribe.archive.storage.base import StoreError
from transcribe.archive.storage.local import LocalStore
from transcribe.archive.storage.opening import open_store
from transcribe.archive.work import Prober
from transcribe.files.address import Address, without_secrets


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("sftp://me:secret@host/tapes", "sftp://me:***@host/tapes"),
        ("sftp://me:se@cret@host:22/t@x", "sftp://me:***@host:22/t@x"),
        ("sftp://me:sec/ret@host/tapes", "sftp://me:***@host/tapes"),
        ("sftp://me:sec ret@host/tapes", "sftp://me:***@host/tapes"),
        ("simplecache::sftp://me:secret@host", "simplecache::sftp://me:***@host"),
        ("https://token@host/a.wav", "https://***@host/a.wav"),
        ("HTTPS://token@host/a.wav?Key=me", "HTTPS://***@host/a.wav?Key=***"),
        ("https://host/a.wav?Key=me&Sig=s%2Fx", "https://host/a.wav?Key=***&Sig=***"),
        ("https://host/a.wav?signature", "https://host/a.wav?***"),
        ("sftp://me@host/tapes", "sftp://me@host/tapes"),
        ("sftp://[::1]:22/a@b", "sftp://[::1]:22/a@b"),
        ("s3://tapes/a@b?c=d.wav", "s3://tapes/a@b?c=d.wav"),
        ("/tapes/me:secret@home", "/tapes/me:secret@home"),
    ],
)
def test_an_address_opens_by_its_whole_and_reads_without_what_is_secret(given, text):
    address = Address(given)
    assert (str(address), f"{address}", repr(address)) == (text, text, repr(text))
    again = pickle.loads(pickle.dumps(address))
    assert (again, again.whole, Address(again).whole) == (text, given, given)


def test_what_others_say_of_an_address_is_cleaned():
    address = Address("sftp://me:s%40cret@host/tapes")
    assert address.clean("no login with s@cret (s%40cret)") == "no login with *** (***)"
    slashed = Address("ftp://me:secret/word@host:21/tapes")
    assert slashed.clean("no port: 'secret'") == "no port: '***'"
    assert without_secrets("a: https://x@h/?k=v: no; ftp://u:p@h") == (
        "a: https://***@h/?k=*** no; ftp://u:***@h"
    )
    with pytest.raises(StoreError) as refused:
        open_store("punchcard://me:secret@tray/1")
    assert "secret" not in str(refused.value)
    assert "punchcard://me:***@tray/1" in str(refused.value)


class _WithPassword(SimpleHTTPRequestHandler):
    """Gives files to who has the password."""

    def send_head(self):
        known = base64.b64encode(b"me:pass-secret").decode()
        if (
            self.headers.get("Authorization") != f"Basic {known}"
            or "sig=sig-secret" not in self.path
        ):
            self.send_error(401)
            return None
        return super().send_head()

    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    folder = tmp_path / "served"
    write_pcm(folder / "1962" / "a.wav", melody_samples())
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_WithPassword, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://me:pass-secret@127.0.0.1:{server.server_port}/1962"
        server.shutdown()


def test_nothing_of_a_run_holds_the_secrets_of_its_list(server: str, tmp_path: Path) -> None:
    pytest.importorskip("aiohttp")
    path, out = tmp_path / "tapes.txt", LocalStore(tmp_path / "out")
    names = ("a.wav", "none.wav", "x//b.wav")
    path.write_text("".join(f"{server}/{name}?sig=sig-secret\n" for name in names))
    listing = list_source(str(path), Patterns(), out)
    (entry,) = listing.entries
    assert (entry.name, str(entry.place)) == ("a.wav", "a.wav")
    assert len(listing.troubles) == 2
    wanted = Wanted(kinds=("mid",), model="tone 1", model_sha256="aa", settings="{}")
    manifest = Manifest(tmp_path / "out" / "manifest.sqlite")
    source = open_store(listing.source)
    plan = make_plan(listing, manifest, source, out, wanted)
    apply(plan, manifest, out)
    manifest.set_about("source", listing.source)
    (row,) = plan.todo
    job = Job(1, row.name, listing.source, row.place, "", ())
    # A worker elsewhere gets the whole address with its job, and prints none of it.
    heard = Prober()(pickle.loads(pickle.dumps(job)))
    assert heard.duration == pytest.approx(3.0)
    refused = Prober()(replace(job, source=Address(listing.source.whole.replace("pass-", "no-"))))
    assert (refused.state, refused.duration) == (FAILED, None)
    row.state, row.error = refused.state, refused.error
    manifest.save([row])
    tally = Tally(list(manifest.rows()), listing)
    told = [as_page(tally, "out"), repr(job), repr(listing), str(refused), repr(row)]
    told += [each.decode() for each in (as_csv(tally), export_csv(tally.rows))]
    told.append(manifest.path.read_bytes().decode("latin-1"))
    manifest.close()
    for text in told:
        assert "secret" not in text.replace(str(tmp_path), "")
