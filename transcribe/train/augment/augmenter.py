"""What microphones, rooms and recorders do to a piano, applied at random to a batch.

A batch is (n_rows, n_samples), float32, full scale 1, on any device. Labels stay true: rooms
are aligned to their direct sound, and filters have zero phase, so an onset stays at its sample.

Everything linear (room, equaliser, band limits) is one product of spectra, so a row costs one
transform there and one back, however much is done to it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from transcribe.train.augment.config import AugmentConfig
from transcribe.train.augment.drawing import HARMONICS, RESPONSE_DECAYS, Drawing, Drawn
from transcribe.train.augment.effects import (
    compress,
    excerpts,
    fast_length,
    gain_bins,
    gain_db,
    gain_points,
    ratio_of,
    rms,
    room_responses,
)
from transcribe.train.augment.sounds import Samples, coloured_noises, from_direct_sound

_QUIET_RMS = 0.01
"""A segment below this rms (-40 dB) gets the noise of one at it, so that rests have some."""
_FILTER_MARGIN = 0.15
"""Seconds of zeros after a segment, so that a filter can't carry its end to its start."""
_HUM_CYCLE = 2048
"""Samples of the table that holds a cycle."""
_SMALLEST_PEAK = 1e-20
"""What the peak of a silent row is taken for, where it divides."""


class Augmenter(nn.Module):
    """Changes the sound of a batch of segments and leaves every label true.

    Parameters
    ----------
    config : AugmentConfig
        Read here, once: later changes to it do nothing.
    rooms : sequence of np.ndarray
        Impulse responses, mono float32; see `sounds.load_impulse_responses`. Without
        any, the room is left out.
    noises : sequence of np.ndarray
        Recordings of noise, mono float32; see `sounds.load_noises`. As with rooms.
    sample_rate : int
        In Hz, of everything.
    """

    rooms: Tensor
    noises: Tensor
    coloured: Tensor
    frequency: Tensor

    def __init__(
        self,
        config: AugmentConfig,
        rooms: Sequence[Samples] = (),
        noises: Sequence[Samples] = (),
        *,
        sample_rate: int = 16000,
    ) -> None:
        super().__init__()
        self.sample_rate = sample_rate
        # No response is longer than the longest decay lets it be.
        n_longest = int(RESPONSE_DECAYS * config.room_decay[1] * sample_rate) + 1
        cut = [from_direct_sound(np.asarray(room, np.float32))[:n_longest] for room in rooms]
        kept = [np.asarray(noise, np.float32) for noise in noises if np.any(noise)]
        coloured = coloured_noises(sample_rate)
        padded = np.zeros((len(cut), max(map(len, cut), default=0)), np.float32)
        for row, response in zip(padded, cut, strict=True):
            row[: len(response)] = response
        for name, values in {
            "rooms": padded,
            "noises": np.concatenate([np.zeros(0, np.float32), *kept]),
            "coloured": np.stack(coloured),
            "frequency": gain_points(sample_rate).astype(np.float32),
        }.items():
            self.register_buffer(name, torch.from_numpy(values), persistent=False)
        # Lengths that the host draws from stay with the host, so they are no buffers.
        self._drawing = Drawing(
            config,
            sample_rate,
            n_coloured=len(coloured[0]),
            room_lengths=torch.tensor([len(response) for response in cut]),
            noise_lengths=torch.tensor([len(noise) for noise in kept]),
        )

    @torch.no_grad()
    def forward(self, samples: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return a changed copy of a batch.

        Parameters
        ----------
        samples : Tensor
            Shape (n_rows, n_samples), float32, mono, full scale 1.
        generator : torch.Generator, optional
            Of the CPU, wherever the batch is; PyTorch's default one if left out. The
            same state gives the same changes.

        Returns
        -------
        Tensor
            As ``samples``, in [-1, 1]; sounds are where they were.
        """
        if samples.ndim != 2:
            raise ValueError(
                f"expected a batch, shape (n_rows, n_samples); found shape {tuple(samples.shape)}"
            )
        samples = samples.to(torch.float32)
        if samples.numel() == 0:
            return samples.clone()
        with torch.autocast(samples.device.type, enabled=False):
            return self._changed(samples, self._drawing(len(samples), samples.device, generator))

    def _changed(self, samples: Tensor, drawn: Drawn) -> Tensor:
        samples = self._filter(samples, drawn)
        if drawn.count("compression"):
            rows = drawn.rows("compression")
            compressed = compress(
                samples[rows],
                drawn["compression_ratio"][rows],
                drawn["compression_threshold_db"][rows],
                drawn["compression_release"][rows],
                self.sample_rate,
            )
            samples.index_copy_(0, rows, compressed)
        self._add_noise(samples, drawn)
        if drawn.count("saturation") or drawn.count("quantisation"):
            peak = torch.linalg.vector_norm(samples, ord=float("inf"), dim=1, keepdim=True)
            peak = peak.clamp_min(_SMALLEST_PEAK)
            if drawn.count("saturation"):
                rows = drawn.rows("saturation")
                drive = drawn["saturation_drive"][rows] / peak[rows]
                samples.index_copy_(0, rows, torch.tanh(samples[rows] * drive) / drive)
            if drawn.count("quantisation"):
                rows = drawn.rows("quantisation")
                step = peak[rows] / drawn["quantisation_steps"][rows]
                samples.index_copy_(0, rows, torch.round(samples[rows] / step) * step)
        return torch.addcmul(drawn["offset_level"], samples, drawn["gain"]).clamp_(-1, 1)

    def _filter(self, samples: Tensor, drawn: Drawn) -> Tensor:
        """Room, equaliser and band limits in one product of spectra; a new tensor."""
        has_room, has_gain = drawn.count("room") > 0, drawn.count("gain") > 0
        if not has_room and not has_gain:
            return samples.clone()
        n_samples = samples.shape[1]
        n_tail = drawn.highest("room_n_samples") if has_room else 0
        n_fft = fast_length(n_samples + n_tail + int(_FILTER_MARGIN * self.sample_rate))
        spectrum = torch.fft.rfft(samples, n_fft)
        if has_room:
            responses = room_responses(
                self.rooms[:, :n_tail][drawn.index("room_index")[:, 0]],
                drawn["room_n_samples"],
                drawn["room_slope"],
                drawn["room_wet"],
            )
            spectrum *= torch.fft.rfft(responses, n_fft)
        if has_gain:
            lower, share = gain_bins(n_fft, self.sample_rate, samples.device)
            points = ratio_of(gain_db(self.frequency, drawn))
            gain = torch.lerp(points[:, lower], points[:, lower + 1], share)
            torch.view_as_real(spectrum).mul_(gain.unsqueeze(-1))
        filtered = torch.fft.irfft(spectrum, n_fft)[:, :n_samples]
        if has_room:
            before, after = rms(samples), rms(filtered)
            restored = (drawn["room_n_samples"] > 0) & (after > 0)
            filtered = filtered * torch.where(restored, before / after, 1.0)
        return torch.where(drawn["filtered"] > 0, filtered, samples)

    def _add_noise(self, samples: Tensor, drawn: Drawn) -> None:
        """Add to a batch, in place, the noises drawn for its rows."""
        kinds = [kind for kind in ("noise", "hum", "recorded_noise") if drawn.count(kind)]
        if not kinds:
            return
        level = rms(samples).clamp_min(_QUIET_RMS)
        for kind in kinds:
            rows = drawn.rows(kind)
            noise = getattr(self, f"_{kind}")(rows, samples.shape[1], drawn)
            found = rms(noise)
            wanted = level[rows] * ratio_of(-drawn[f"{kind}_snr_db"][rows])
            noise *= torch.where(found > 0, wanted / found, 0.0)
            samples.index_add_(0, rows, noise)

    def _noise(self, rows: Tensor, n_samples: int, drawn: Drawn) -> Tensor:
        """White, pink and brown noise in shares, shape (len(rows), n_samples)."""
        shares, start = drawn["noise_shares"][rows], drawn.index("noise_start")[rows]
        noise = torch.zeros((len(rows), n_samples), device=rows.device)
        for i, coloured in enumerate(self.coloured):
            excerpt = excerpts(coloured, start[:, i : i + 1], len(coloured), n_samples)
            noise.addcmul_(excerpt, shares[:, i : i + 1])
        return noise

    def _recorded_noise(self, rows: Tensor, n_samples: int, drawn: Drawn) -> Tensor:
        first, start, length = (
            drawn.index(f"recorded_noise_{what}")[rows] for what in ("first", "start", "length")
        )
        return excerpts(self.noises, start, length, n_samples, first=first)

    def _hum(self, rows: Tensor, n_samples: int, drawn: Drawn) -> Tensor:
        """The mains: a periodic wave, harmonics at random and weaker as they rise."""
        harmonic = torch.arange(1, HARMONICS + 1, device=rows.device)
        amplitude = drawn["hum_amplitude"][rows] * harmonic ** -drawn["hum_slope"][rows]
        cycle = torch.arange(_HUM_CYCLE, device=rows.device) / _HUM_CYCLE
        angle = 2 * np.pi * harmonic[:, None] * cycle + drawn["hum_phase"][rows].unsqueeze(-1)
        wave = (torch.sin(angle) * amplitude.unsqueeze(-1)).sum(1)
        step = drawn.exact("hum_hz")[rows] * (_HUM_CYCLE / self.sample_rate)
        position = torch.arange(n_samples, device=rows.device) * step
        return wave.gather(1, position.long() % _HUM_CYCLE)
