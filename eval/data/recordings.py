"""Recordings of every kind that the command takes, written with PyAV's own encoders."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

FRAGMENTED = {"container": "mp4", "movflags": "frag_keyframe+empty_moov"}
KINDS: dict[str, tuple[str, int, dict[str, Any]]] = {
    "8-bit.wav": ("pcm_u8", 8000, {}),
    "16-bit.wav": ("pcm_s16le", 44100, {"layout": "stereo"}),
    "24-bit.wav": ("pcm_s24le", 96000, {}),
    "float.wav": ("pcm_f32le", 16000, {}),
    "stereo.flac": ("flac", 44100, {"layout": "stereo"}),
    "stereo.mp3": ("libmp3lame", 44100, {"layout": "stereo"}),
    "stereo.ogg": ("vorbis", 44100, {"layout": "stereo"}),
    "mono.opus": ("libopus", 48000, {}),
    "mono.m4a": ("aac", 44100, {}),
    "alac.m4a": ("alac", 44100, {}),
    "fragmented.m4a": ("aac", 44100, FRAGMENTED),
    "raw.aac": ("aac", 44100, {"container": "adts"}),
    "mono.aiff": ("pcm_s16be", 44100, {}),
    "mono.wma": ("wmav2", 44100, {"container": "asf"}),
    "video.mp4": ("aac", 48000, {"video": True}),
    "video.mkv": ("aac", 44100, {"video": True}),
    "mono.webm": ("libopus", 48000, {"container": "webm"}),
}
"""Name, of which the suffix is the usual one, to codec, sample rate in hertz, and what else
`encode` needs."""


def write_kind(path: Path, kind: str, samples: NDArray[np.floating]) -> Path:
    """Write mono samples, which are at the rate of `KINDS`, as that kind of recording."""
    codec, rate, settings = KINDS[kind]
    return encode(path, codec, samples, rate, **settings)


def encode(
    path: Path,
    codec: str,
    samples: NDArray,
    rate: int,
    *,
    layout: str = "mono",
    container: str | None = None,
    start: float = 0.0,
    video: bool = False,
    **options: str,
) -> Path:
    """Write a recording with PyAV's own encoders, the same samples on every channel."""
    with av.open(str(path), "w", format=container, options=options) as out:
        if video:
            pictures = out.add_stream("mpeg4", rate=10)
            pictures.width = pictures.height = 32
            pictures.pix_fmt = "yuv420p"
        strict = {"strict": "experimental"} if codec == "vorbis" else {}
        stream = out.add_stream(codec, rate=rate, layout=layout, options=strict)
        stream.time_base = Fraction(1, rate)
        if codec.startswith("wma"):
            stream.bit_rate = 128_000
        out.start_encoding()
        if video:
            for _ in range(max(1, round(10 * len(samples) / rate))):
                image = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), "rgb24")
                out.mux(pictures.encode(image))
            out.mux(pictures.encode(None))
        n_channels = stream.layout.nb_channels
        packed = np.repeat(samples.astype(np.float32), n_channels).reshape(1, -1)
        whole = av.AudioFrame.from_ndarray(packed, "flt", layout)
        whole.sample_rate = rate
        whole.pts = 0
        n_samples = stream.codec_context.frame_size or 1024
        fit = av.AudioResampler(stream.format.name, layout, rate, frame_size=n_samples)
        for frame in [*fit.resample(whole), *fit.resample(None)]:
            if frame.pts is not None:
                frame.pts += round(start * rate)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path
