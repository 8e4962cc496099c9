"""The network that says what may come next: events in, logits of the next event out.

One step of the network is one event, not one of its four numbers. What an event's numbers
say about each other is told by four small heads, each of which sees the numbers before its
own: when, then which key, then how loud, then how long.

The body of the network, which reads the events, is an LSTM or a decoder-only transformer. Of
the latter's attention heads half know how many events ago something was, the other half how
many seconds ago, so that a beat is as far away in a run as in a chorale. Both are rotations
of queries and keys [1]_.

References
----------
.. [1] J. Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding", 2021.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from transcribe.generate.config import N_PITCH_CLASSES, GeneratorConfig
from transcribe.generate.events import (
    DURATION,
    KEY,
    PEDAL,
    SHIFT,
    SIZES,
    STEP,
    TIMES,
    VELOCITY,
    Events,
)
from transcribe.generate.sampling import Logits

_LONGEST_WAVE_EVENTS = 4000.0
_SHORTEST_WAVE_SECONDS, _LONGEST_WAVE_SECONDS = 0.1, 200.0


class Memory:
    """What the network keeps of the events it has read, to go on from there.

    A transformer keeps keys and values of the last `GeneratorConfig.context` events, an
    LSTM its state.
    """

    def __init__(self) -> None:
        self.layers: dict[int, tuple[Tensor, Tensor]] = {}
        self.n_read = 0
        self.seconds = 0.0


class Attention(nn.Module):
    """Causal self-attention, over memory and what is new."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.n_heads, self.context = config.n_heads, config.context
        self.joint = nn.Linear(config.width, 3 * config.width, bias=False)
        self.out = nn.Linear(config.width, config.width, bias=False)

    def forward(
        self, x: Tensor, rotation: tuple[Tensor, Tensor], memory: Memory | None, layer: int
    ) -> Tensor:
        """From and to shape (B, T, width)."""
        n_batch, n_new, width = x.shape
        q, k, v = (
            self.joint(x).view(n_batch, n_new, 3, self.n_heads, -1).permute(2, 0, 3, 1, 4).unbind()
        )
        q, k = _rotated(q, rotation), _rotated(k, rotation)
        if memory is None:
            y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            if layer in memory.layers:
                past_k, past_v = memory.layers[layer]
                k, v = torch.cat((past_k, k), 2), torch.cat((past_v, v), 2)
            n_all = k.shape[2]
            ago = torch.arange(n_all - n_new, n_all)[:, None] - torch.arange(n_all)
            seen = (ago >= 0) & (ago < self.context)
            y = functional.scaled_dot_product_attention(q, k, v, attn_mask=seen)
            memory.layers[layer] = (k[:, :, 1 - self.context :], v[:, :, 1 - self.context :])
        return self.out(y.transpose(1, 2).reshape(n_batch, n_new, width))


class Block(nn.Module):
    """Attention, then a layer for each event on its own; both add to what comes in."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(config.width)
        self.attention = Attention(config)
        self.norm = nn.RMSNorm(config.width)
        self.wide = nn.Linear(config.width, 4 * config.width, bias=False)
        self.narrow = nn.Linear(4 * config.width, config.width, bias=False)

    def forward(
        self, x: Tensor, rotation: tuple[Tensor, Tensor], memory: Memory | None, layer: int
    ) -> Tensor:
        """From and to shape (B, T, width)."""
        x = x + self.attention(self.attention_norm(x), rotation, memory, layer)
        return x + self.narrow(functional.relu(self.wide(self.norm(x))).square())


class Head(nn.Module):
    """Logits of one number of an event."""

    def __init__(self, width: int, size: int) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(width)
        self.hidden = nn.Linear(width, width)
        self.output_head = nn.Linear(width, size)

    def forward(self, x: Tensor) -> Tensor:
        """From shape (..., width) to (..., size)."""
        logits: Tensor = self.output_head(functional.gelu(self.hidden(self.norm(x))))
        return logits


class EventModel(nn.Module):
    """The network; see the module."""

    times: Tensor

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        config.check()
        self.config = config
        width = config.width
        self.embed_head = nn.ModuleDict(
            {name: nn.Embedding(size, width) for name, size in SIZES.items()}
            | {"pitch_class": nn.Embedding(N_PITCH_CLASSES + 1, width)}
        )
        for embedding in self.embed_head.values():
            nn.init.normal_(embedding.weight, std=0.02**0.5)  # type: ignore[arg-type]
        if config.body == "lstm":
            self.lstm = nn.LSTM(width, width, config.n_layers, batch_first=True)
        else:
            self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layers))
            for block in self.blocks:
                nn.init.zeros_(block.attention.out.weight)  # type: ignore[union-attr, arg-type]
                nn.init.zeros_(block.narrow.weight)  # type: ignore[union-attr, arg-type]
        self.known_head = nn.ModuleList(
            nn.Embedding(size, width) for size in list(SIZES.values())[:-1]
        )
        self.heads = nn.ModuleList(Head(width, size) for size in SIZES.values())
        self.register_buffer("times", torch.from_numpy(TIMES) * STEP, persistent=False)

    def read(self, events: Tensor, memory: Memory | None = None) -> Tensor:
        """What the network makes of each event and those before it.

        Parameters
        ----------
        events : Tensor
            Shape (B, T, 4), integers; see `events`.
        memory : Memory, optional
            Of what came before; it is brought up to date.

        Returns
        -------
        Tensor
            Shape (B, T, width); the last one is for the event after.
        """
        key = events[..., KEY]
        pitch_class = torch.where(key == PEDAL, N_PITCH_CLASSES, key % N_PITCH_CLASSES)
        x: Tensor = self.embed_head["pitch_class"](pitch_class)
        for column, name in enumerate(SIZES):
            x = x + self.embed_head[name](events[..., column])
        if self.config.body == "lstm":
            state = memory.layers.get(0) if memory is not None else None
            x, state = self.lstm(x, state)
            if memory is not None:
                memory.layers[0] = state
            return x.float()
        n_read, seconds = (memory.n_read, memory.seconds) if memory is not None else (0, 0.0)
        clock = seconds + self.times[events[..., SHIFT]].cumsum(-1)
        index = torch.arange(n_read, n_read + events.shape[1], device=events.device)
        rotation = self._rotation(index, clock)
        for layer, block in enumerate(self.blocks):
            x = block(x, rotation, memory, layer)
        if memory is not None:
            memory.n_read += events.shape[1]
            memory.seconds = float(clock[0, -1])
        return x

    def _rotation(self, index: Tensor, clock: Tensor) -> tuple[Tensor, Tensor]:
        """Cosines and sines, shape (B, n_heads, T, width / n_heads / 2)."""
        n_angles = self.config.width // self.config.n_heads // 2
        exponent = torch.arange(n_angles, device=index.device) / n_angles
        by_event = index[:, None] * _LONGEST_WAVE_EVENTS**-exponent
        slowing = (_LONGEST_WAVE_SECONDS / _SHORTEST_WAVE_SECONDS) ** -exponent
        by_time = clock[..., None] * (2 * torch.pi / _SHORTEST_WAVE_SECONDS) * slowing
        half = self.config.n_heads // 2
        angles = torch.stack([by_event.expand_as(by_time)] * half + [by_time] * half, dim=1)
        return angles.cos(), angles.sin()

    def logits(self, x: Tensor, known: Tensor, column: int) -> Tensor:
        """Of number ``column`` of the next event, given its numbers before that.

        Parameters
        ----------
        x : Tensor
            Shape (..., width), from `read`.
        known : Tensor
            Shape (..., column or more): the numbers before it.
        """
        for earlier in range(column):
            x = x + self.known_head[earlier](known[..., earlier])
        logits: Tensor = self.heads[column](x)
        return logits

    def nats(self, events: Tensor) -> Tensor:
        """Negative log probability of each number of each event but the first.

        Parameters
        ----------
        events : Tensor
            Shape (B, T, 4).

        Returns
        -------
        Tensor
            Shape (B, T - 1, 4). The pedal's velocity, which is always 0, costs nothing.
        """
        x, following = self.read(events[:, :-1]), events[:, 1:]
        terms = [
            functional.cross_entropy(
                self.logits(x, following, column).flatten(0, 1).float(),
                following[..., column].flatten(),
                reduction="none",
            ).view(following.shape[:2])
            for column in (SHIFT, KEY, VELOCITY, DURATION)
        ]
        terms[VELOCITY] = terms[VELOCITY] * (following[..., KEY] != PEDAL)
        return torch.stack(terms, -1)


class NetworkListener:
    """The network, which remembers what it has read; see `sampling.Listener`."""

    def __init__(self, model: EventModel) -> None:
        self.model = model
        self.memory = Memory()
        self.last: Tensor | None = None

    @torch.inference_mode()
    def read(self, events: Events) -> None:
        """Take in events; of many events only those in reach are looked at."""
        reach = self.model.config.context
        recent = torch.from_numpy(np.ascontiguousarray(events[-reach:]))
        self.last = self.model.read(recent[None], self.memory)[0, -1]

    @torch.inference_mode()
    def logits(self, known: Sequence[int]) -> Logits:
        """Of the next event's number ``len(known)``, given those before it."""
        if self.last is None:
            raise ValueError("nothing was read yet")
        numbers = torch.tensor(known, dtype=torch.long)
        found: Logits = self.model.logits(self.last, numbers, len(known)).numpy()
        return found


def _rotated(x: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    cos, sin = (part.to(x.dtype) for part in rotation)
    one, other = x.chunk(2, -1)
    return torch.cat((one * cos - other * sin, one * sin + other * cos), -1)
