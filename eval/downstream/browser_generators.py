"""magenta.js in headless Chromium, on files that ``transcribe tokens`` wrote.

    npm ci --prefix eval/downstream/magenta/js

What Magenta Studio's Continue, Interpolate, Drumify and Groove are made of, and Coconet. The
networks are the library's own code with random weights of fewer units, in the files that it loads
trained ones from; what comes out has no music in it, but is such a file as trained ones make.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from eval.performance.browser import HOW_TO, browser, chromium, static_host
from transcribe.errors import TranscribeError
from transcribe.tokens.coconet import N_VOICES
from transcribe.tokens.groovae import N_DRUMS

if TYPE_CHECKING:
    from playwright.sync_api import Page

SOURCE = Path(__file__).resolve().parent / "magenta" / "js"
LIBRARY = SOURCE / "node_modules/@magenta/music/dist/magentamusic.js"
PAGE = (
    "<!doctype html><meta charset=utf-8><title>play</title>"
    "<script src=lib.js></script><script src=play.js></script>"
)
"""The library is UTF-8 without saying so."""
MELODY = {"type": "MelodyConverter", "args": {"minPitch": 21, "maxPitch": 108, "numSteps": 64}}
LINE = {"type": "MelodyConverter", "args": {"minPitch": 21, "maxPitch": 108}}
TAP = {"type": "GrooveConverter", "args": {"numSteps": 32, "tapify": True}}
DRUMS = {"type": "GrooveConverter", "args": {"numSteps": 32, "humanize": True}}
N_MELODY = 90
N_GROOVE = 3 * N_DRUMS
"""Hits, velocities and offsets."""
_WIDTH, _Z = 16, 8
_N_LAYERS, _SPLIT_LAYER, _N_SPLITS = 33, 17, 4
_FILTERS, _SPLIT_FILTERS = 8, 128
"""Coconet's; how many the split layer has is fixed in the library's code."""
Shapes = dict[str, tuple[int, ...]]


@contextmanager
def generators(tokens: Path) -> Iterator[Page]:
    """A page with ``window.generators`` (``magenta/js/play.js``) beside a folder of tokens.

    The folder is copied in as ``tokens/``; untrained models lie in ``models/``.

    Raises
    ------
    TranscribeError
        Chromium or the library is not installed.
    """
    if chromium() is None:
        raise TranscribeError(HOW_TO)
    if not LIBRARY.is_file():
        raise TranscribeError(
            "magenta.js is not installed: npm ci --prefix eval/downstream/magenta/js"
        )
    with tempfile.TemporaryDirectory() as name, browser() as started:
        folder = Path(name)
        shutil.copy(LIBRARY, folder / "lib.js")
        shutil.copy(SOURCE / "play.js", folder)
        shutil.copytree(tokens, folder / "tokens")
        (folder / "index.html").write_text(PAGE)
        write_models(folder / "models")
        with static_host(folder) as address:
            page = started.new_page()
            page.set_default_timeout(600_000)
            page.goto(address)
            # A graphics card that is imitated, as in headless Chromium, is slower by far.
            page.evaluate("mm.tf.setBackend('cpu')")
            yield page


def played(page: Page, what: str, *words: Any) -> list[bytes]:
    """The MIDI files that one of ``window.generators`` makes."""
    files = page.evaluate("([what, words]) => window.generators[what](...words)", [what, words])
    return [bytes(each) for each in files]


def tensor(page: Page, spec: Mapping[str, Any], address: str) -> np.ndarray[Any, Any]:
    """What a converter of magenta.js makes of a file."""
    words = [spec["type"], spec["args"], address]
    return np.array(page.evaluate("(words) => window.generators.tensor(...words)", words))


def write_models(folder: Path, *, seed: int = 0) -> None:
    """Random weights and settings of a model of each kind, as magenta.js loads them."""
    rng = np.random.default_rng(seed)
    models: dict[str, tuple[dict[str, Any], Shapes]] = {
        "melody_rnn": ({"type": "MusicRNN", "dataConverter": LINE}, _rnn(N_MELODY)),
        "mel_4bar": (_vae(MELODY), _vae_shapes(N_MELODY)),
        "groovae_tap2bar": (_vae(TAP), _vae_shapes(N_GROOVE)),
        "groovae_2bar_humanize": (_vae(DRUMS), _vae_shapes(N_GROOVE)),
        "coconet": ({}, _coconet_shapes()),
    }
    for name, (config, shapes) in models.items():
        place = folder / name
        place.mkdir(parents=True)
        (place / "config.json").write_text(json.dumps(config))
        arrays = [rng.normal(0, 0.4, shape) for shape in shapes.values()]
        arrays = [
            np.exp(a) if variable.endswith("variance") else a
            for variable, a in zip(shapes, arrays, strict=True)
        ]
        (place / "shard").write_bytes(b"".join(a.astype("<f4").tobytes() for a in arrays))
        weights = [
            {"name": variable, "shape": list(shape), "dtype": "float32"}
            for variable, shape in shapes.items()
        ]
        manifest = [{"paths": ["shard"], "weights": weights}]
        (place / "weights_manifest.json").write_text(json.dumps(manifest))


def _vae(converter: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "MusicVAE", "dataConverter": converter, "useBooleanDecoder": False}


def _cell(name: str, n_in: int) -> Shapes:
    return {f"{name}/kernel": (n_in + _WIDTH, 4 * _WIDTH), f"{name}/bias": (4 * _WIDTH,)}


def _dense(name: str, n_in: int, n_out: int) -> Shapes:
    return {f"{name}/kernel": (n_in, n_out), f"{name}/bias": (n_out,)}


def _rnn(depth: int) -> Shapes:
    return {
        **_cell("rnn/multi_rnn_cell/cell_0/basic_lstm_cell", depth),
        "fully_connected/weights": (_WIDTH, depth),
        "fully_connected/biases": (depth,),
    }


def _vae_shapes(depth: int) -> Shapes:
    reader = "encoder/cell_0/bidirectional_rnn/{}/multi_rnn_cell/cell_0/lstm_cell"
    return {
        **_cell(reader.format("fw"), depth),
        **_cell(reader.format("bw"), depth),
        **_dense("encoder/mu", 2 * _WIDTH, _Z),
        **_cell("decoder/multi_rnn_cell/cell_0/lstm_cell", depth + _Z),
        **_dense("decoder/z_to_initial_state", _Z, 2 * _WIDTH),
        **_dense("decoder/output_projection", _WIDTH, depth),
    }


def _coconet_shapes() -> Shapes:
    """Separable convolutions over steps and pitches, the last two of 2 x 2, each normalised."""
    shapes: Shapes = {}
    n_in = 2 * N_VOICES
    for layer in range(_N_LAYERS):
        name = f"model/conv{layer}"
        width = 2 if layer >= _N_LAYERS - 2 else 3
        n_out = _FILTERS
        if layer in (_SPLIT_LAYER - 1, _SPLIT_LAYER):
            n_out = _SPLIT_FILTERS
        elif layer == _N_LAYERS - 1:
            n_out = N_VOICES
        shapes[f"{name}/SeparableConv2d/depthwise_weights"] = (width, width, n_in, 1)
        if layer == _SPLIT_LAYER:
            part = _SPLIT_FILTERS // _N_SPLITS
            for split in range(_N_SPLITS):
                shapes[f"{name}/split_{layer}_{split}/kernel"] = (part, part)
                shapes[f"{name}/split_{layer}_{split}/bias"] = (part,)
        else:
            shapes[f"{name}/SeparableConv2d/pointwise_weights"] = (1, 1, n_in, n_out)
            shapes[f"{name}/SeparableConv2d/biases"] = (n_out,)
        for each in ("gamma", "beta", "popmean", "popvariance"):
            shapes[f"{name}/{each}"] = (1, 1, 1, n_out)
        n_in = n_out
    return shapes
