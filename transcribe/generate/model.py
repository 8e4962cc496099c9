"""The network that says what may come next: events in, probabilities of the next event out.

One step of the network is one event, not one of its four numbers. What an event's numbers
say about each other is told one after the other: when, then which key, then how loud, then
how long. An LSTM reads the events; music, though, comes back, and an LSTM forgets. So the
network looks back in four ways:

- *attention* over everything read, by how many events ago it was, how many seconds ago and how
  many semitones away: all three are rotations of queries and keys [1]_;
- *copying* [2]_: what came next where the music was alike before may come next again, as the
  same time, the same key, or the same interval from the note before; the more intervals in a
  row were the same, the likelier;
- *candidates*: each of the 88 keys is judged, by one judge for all of them, by what sounded
  around it, and by which pitch classes were heard, at four time scales. So what is learnt of one
  key of music holds in all twelve;
- *neighbours*: how loud and how long a note is, is told with a look at earlier notes near it.

References
----------
.. [1] J. Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding", 2021.
.. [2] A. See et al., "Get To The Point: Summarization with Pointer-Generator Networks", 2017.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from transcribe.generate.config import (
    DECAYS,
    MOST_ALIKE,
    N_AROUND,
    N_CANDIDATE,
    N_INTERVALS,
    N_PITCH_CLASSES,
    PEDAL_PITCH,
    POINTER,
    REACH,
    GeneratorConfig,
    angle_rates,
)
from transcribe.generate.events import DURATION, KEY, PEDAL, SHIFT, SIZES, STEP, TIMES, VELOCITY

Rotation = tuple[Tensor, Tensor]
"""Cosines and sines of the angles by which queries and keys are turned."""
_NOWHERE, _AT_PEDAL = -1000, 1000
"""In place of intervals: of what has none, and of the pedal."""


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of the events that are read, without any weights; (B, T, ...) each."""

    read: Tensor
    """The events."""
    clock: Tensor
    """Seconds."""
    last: Tensor
    """The key of the last note at or before each event; -1 where there is none."""
    interval: Tensor
    """From the note before to each note, up from 0 for 87 semitones down; else N_INTERVALS."""
    alike: Tensor
    """By how many intervals two events are; see `_alike`."""
    heard: Tensor
    """How much of each key was struck lately; see `_heard`."""
    hidden: Tensor
    """0 where an event may look, minus infinity at what comes later; shape (T, T)."""
    rotation: Rotation
    pointer_rotation: Rotation


def earlier(x: Tensor) -> Tensor:
    """One event later: zeros for the first."""
    return functional.pad(x[:, :-1], (0, 0, 1, 0))


class Head(nn.Module):
    """Logits of one number of an event."""

    def __init__(self, width: int, size: int) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(width)
        self.hidden = nn.Linear(width, width)
        self.output_head = nn.Linear(width, size)

    def feel(self, x: Tensor) -> Tensor:
        """What the logits are read off, shape (..., width)."""
        return functional.gelu(self.hidden(self.norm(x)))

    def forward(self, x: Tensor) -> Tensor:
        """From shape (..., width) to (..., size)."""
        logits: Tensor = self.output_head(self.feel(x))
        return logits


class EventModel(nn.Module):
    """The network; see the module."""

    times: Tensor
    """Seconds of `TIMES`."""
    rates: Tensor
    pointer_rates: Tensor
    """Of rotations, as `angle_rates` gives them."""
    turn: Tensor
    """Pitch classes as seen from each, shape (12, 12)."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        config.check()
        self.config = config
        width = config.width
        self.embed_head = nn.ModuleDict(
            {name: nn.Embedding(size, width) for name, size in SIZES.items()}
            | {
                "pitch_class": nn.Embedding(N_PITCH_CLASSES + 1, width),
                "interval": nn.Embedding(N_INTERVALS + 1, width),
            }
        )
        for embedding in self.embed_head.values():
            nn.init.normal_(cast(Tensor, embedding.weight), std=0.02**0.5)
        nn.init.zeros_(cast(Tensor, self.embed_head["interval"].weight))
        self.lstm = nn.LSTM(width, width, config.n_layers, batch_first=True)

        self.look_norm = nn.RMSNorm(width)
        self.look_query = nn.Linear(width, width, bias=False)
        self.look_key = nn.Linear(2 * width, width, bias=False)
        self.look_value = nn.Linear(width, width, bias=False)
        self.look_out = nn.Linear(width, width, bias=False)
        self.norm = nn.RMSNorm(width)
        self.wide = nn.Linear(width, 4 * width, bias=False)
        self.narrow = nn.Linear(4 * width, width, bias=False)

        self.pointer_norm = nn.RMSNorm(width)
        self.pointer_key = nn.Linear(2 * width, 2 * POINTER, bias=False)
        self.pointer_shift = nn.Linear(width, POINTER, bias=False)
        self.pointer_pitch = nn.Linear(width, POINTER, bias=False)
        self.alike_head = nn.Parameter(torch.full((2,), 1.5))
        self.shift_gate_head = nn.Linear(width, 2)
        self.key_gate_head = nn.Linear(width, 3)

        self.interval_head = nn.Linear(width, N_INTERVALS, bias=False)
        self.around_head = nn.Linear(N_AROUND * (2 * REACH + 1), N_CANDIDATE)
        self.classes_head = nn.Linear(N_PITCH_CLASSES * (len(DECAYS) - 1), N_CANDIDATE, bias=False)
        self.register_head = nn.Embedding(PEDAL, N_CANDIDATE)
        self.judge_head = nn.Linear(width, N_CANDIDATE)

        self.near_norm = nn.RMSNorm(width)
        self.near_query = nn.Linear(width, width, bias=False)
        self.near_key = nn.Linear(width, width, bias=False)
        self.near_value = nn.Linear(width, width, bias=False)
        self.near_out = nn.Linear(width, width, bias=False)

        self.known_head = nn.ModuleList(
            nn.Embedding(size, width) for size in list(SIZES.values())[:-1]
        )
        self.heads = nn.ModuleList(Head(width, size) for size in SIZES.values())
        self._initialise()
        self._register_constants()

    def _initialise(self) -> None:
        """What adds to other parts begins with nothing, and copying is rare."""
        for part in (self.look_out, self.narrow, self.near_out, self.interval_head):
            nn.init.zeros_(part.weight)
        for part in (self.judge_head, self.shift_gate_head, self.key_gate_head):
            nn.init.zeros_(part.weight)
            nn.init.zeros_(part.bias)
        with torch.no_grad():
            self.shift_gate_head.bias[0] = self.key_gate_head.bias[0] = 3.0
        nn.init.normal_(self.register_head.weight, std=0.1)

    def _register_constants(self) -> None:
        """What goes to the device with the weights, but is not of them."""
        pitch_class = torch.arange(N_PITCH_CLASSES)
        constants = {
            "times": torch.from_numpy(TIMES) * STEP,
            "rates": torch.from_numpy(angle_rates(self.config.width // self.config.n_heads // 2)),
            "pointer_rates": torch.from_numpy(angle_rates(POINTER // 2)),
            "turn": (pitch_class[:, None] + pitch_class) % N_PITCH_CLASSES,
        }
        for name, constant in constants.items():
            self.register_buffer(name, constant, persistent=False)

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
        with torch.autocast(events.device.type, enabled=False):
            past = self._past(events[:, :-1])
        following = events[:, 1:]
        x = self._listen(past)
        calm = self.pointer_norm(x)
        pointer_keys = self.pointer_key(torch.cat((calm, earlier(calm)), -1)).chunk(2, -1)

        when = self._when(x, past, following, self.pointer_shift(calm), pointer_keys[0])
        x = x + self.known_head[SHIFT](following[..., SHIFT])
        query = self.pointer_pitch(self.pointer_norm(x))
        which = self._which(x, past, following[..., KEY], query, pointer_keys[1])
        x = x + self.known_head[KEY](following[..., KEY])
        x = self._with_neighbours(x, calm, past, following)
        loud = _nats_of(self.heads[VELOCITY](x), following[..., VELOCITY])
        loud = loud * (following[..., KEY] != PEDAL)
        x = x + self.known_head[VELOCITY](following[..., VELOCITY])
        long = _nats_of(self.heads[DURATION](x), following[..., DURATION])
        return torch.stack((when, which, loud, long), -1)

    def _past(self, read: Tensor) -> Past:
        """What is known of the events that are read, without any weights."""
        key = read[..., KEY]
        index = torch.arange(key.shape[1], device=key.device)
        clock = self.times[read[..., SHIFT]].double().cumsum(-1)
        is_note = key != PEDAL
        place = torch.where(is_note, index, -1).cummax(-1).values
        last = torch.where(place >= 0, key.gather(1, place.clamp(min=0)), -1)
        before = functional.pad(last[:, :-1], (1, 0), value=-1)
        has_interval = is_note & (before >= 0)
        interval = torch.where(has_interval, key - before + PEDAL - 1, N_INTERVALS)
        hidden = torch.zeros(len(index), len(index), device=key.device)
        return Past(
            read=read,
            clock=clock,
            last=last,
            interval=interval,
            alike=_alike(interval, place),
            heard=_heard(key, clock),
            hidden=hidden.masked_fill(index[:, None] < index, -torch.inf),
            rotation=_rotation(self.rates, key, index, clock),
            pointer_rotation=_rotation(self.pointer_rates, key, index, clock),
        )

    def _listen(self, past: Past) -> Tensor:
        """What the network makes of each event and those before it, shape (B, T, width)."""
        key = past.read[..., KEY]
        pitch_class = torch.where(key == PEDAL, N_PITCH_CLASSES, key % N_PITCH_CLASSES)
        x: Tensor = self.embed_head["pitch_class"](pitch_class)
        x = x + self.embed_head["interval"](past.interval)
        for column, name in enumerate(SIZES):
            x = x + self.embed_head[name](past.read[..., column])
        x, _ = self.lstm(x)
        x = x.float()
        calm = self.look_norm(x)
        y = self._attend(
            self.look_query(calm),
            self.look_key(torch.cat((calm, earlier(calm)), -1)),
            self.look_value(calm),
            past.rotation,
            past.rotation,
        )
        x = x + self.look_out(y)
        return x + self.narrow(functional.relu(self.wide(self.norm(x))).square())

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, of_q: Rotation, of_k: Rotation) -> Tensor:
        """Causal attention of several heads, from and to shape (B, T, width)."""
        n_batch, n, width = q.shape
        q, k, v = (
            each.view(n_batch, n, self.config.n_heads, -1).transpose(1, 2) for each in (q, k, v)
        )
        q = _rotated(q, (of_q[0][:, None], of_q[1][:, None]))
        k = _rotated(k, (of_k[0][:, None], of_k[1][:, None]))
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return y.transpose(1, 2).reshape(n_batch, n, width)

    def _pointed(self, past: Past, query: Tensor, key: Tensor, which: int) -> Tensor:
        """How much each event read is copied, shape (B, T, T); each row comes to 1."""
        query, key = (_rotated(each, past.pointer_rotation) for each in (query, key))
        likeness = past.hidden + self.alike_head[which] * past.alike
        scores = torch.baddbmm(
            likeness.to(query.dtype), query, key.transpose(1, 2), alpha=POINTER**-0.5
        )
        return scores.softmax(-1, dtype=torch.float32)

    def _when(
        self, x: Tensor, past: Past, following: Tensor, query: Tensor, keys: Tensor
    ) -> Tensor:
        """Nats of the next events' shifts: told anew, or copied."""
        head = cast(Head, self.heads[SHIFT])
        feel = head.feel(x)
        own = _probability(head.output_head(feel), following[..., SHIFT])
        gates = self.shift_gate_head(feel).float().softmax(-1)
        weights = self._pointed(past, query, keys, SHIFT)
        shift, wanted = past.read[..., SHIFT].short(), following[..., SHIFT].short()
        copied = (weights * (wanted[..., None] == shift[:, None])).sum(-1)
        return _nats(gates[..., 0] * own + gates[..., 1] * copied)

    def _which(
        self, x: Tensor, past: Past, next_key: Tensor, query: Tensor, keys: Tensor
    ) -> Tensor:
        """Nats of the next events' keys: told anew, copied, or copied as an interval."""
        head = cast(Head, self.heads[KEY])
        feel = head.feel(x)
        own = _probability(self._key_logits(head.output_head(feel), feel, past), next_key)
        gates = self.key_gate_head(feel).float().softmax(-1)
        weights = self._pointed(past, query, keys, KEY)
        key, last = past.read[..., KEY], past.last
        copied = (weights * (next_key.short()[..., None] == key.short()[:, None])).sum(-1)
        # The same interval from the last note; a press of the pedal stays one.
        interval = past.interval - (PEDAL - 1)
        step = torch.where(past.interval < N_INTERVALS, interval, _NOWHERE)
        step = torch.where(key == PEDAL, _AT_PEDAL, step).short()[:, None]
        wanted = torch.where(last >= 0, next_key - last, _NOWHERE + 1)
        wanted = torch.where(next_key == PEDAL, _AT_PEDAL, wanted).short()[..., None]
        there = last.short()[..., None]
        possible = (step + there >= 0) & (step + there < PEDAL) & (there >= 0)
        possible = possible | (step == _AT_PEDAL)
        moved = (weights * (step == wanted)).sum(-1)
        lost = 1 - (weights * possible).sum(-1)
        return _nats(
            (gates[..., 0] + gates[..., 2] * lost) * own
            + gates[..., 1] * copied
            + gates[..., 2] * moved
        )

    def _key_logits(self, absolute: Tensor, feel: Tensor, past: Past) -> Tensor:
        """Of the next key: as such, by its interval from the last note, and as it is judged."""
        relative = self.interval_head(feel).float()
        every = torch.arange(PEDAL, device=feel.device)
        spot = every - past.last[..., None] + PEDAL - 1
        relative = relative.gather(-1, spot.clamp(0, N_INTERVALS - 1))
        relative = relative * (past.last >= 0)[..., None]
        judged = self._judged(self.judge_head(feel), past.heard)
        absolute = absolute.float()
        return torch.cat((absolute[..., :PEDAL] + relative + judged, absolute[..., PEDAL:]), -1)

    def _judged(self, query: Tensor, heard: Tensor) -> Tensor:
        """Logits of the 88 keys, shape (B, T, 88)."""
        felt = torch.log1p(heard[:, :, :N_AROUND]).to(query.dtype)
        around = functional.pad(felt, (REACH, REACH)).unfold(-1, 2 * REACH + 1, 1)
        judged = self.around_head(around.transpose(2, 3).flatten(-2))
        folded = functional.pad(heard[:, :, 1:], (0, 96 - PEDAL)).unflatten(-1, (8, 12)).sum(-2)
        share = (folded / (folded.sum(-1, keepdim=True) + 1.0)).to(query.dtype)
        turned = share[..., self.turn].transpose(2, 3).flatten(-2)
        classes = self.classes_head(turned).repeat(1, 1, 8, 1)[:, :, :PEDAL]
        judged = functional.relu(judged + classes + self.register_head.weight.to(judged.dtype))
        found: Tensor = (judged @ query[..., None]).squeeze(-1)
        return found.float() * N_CANDIDATE**-0.5

    def _with_neighbours(self, x: Tensor, calm: Tensor, past: Past, following: Tensor) -> Tensor:
        """With what was read of notes near the next one, in time and pitch."""
        clock = past.clock + self.times[following[..., SHIFT]]
        index = torch.arange(1, x.shape[1] + 1, device=x.device)
        y = self._attend(
            self.near_query(self.near_norm(x)),
            self.near_key(calm),
            self.near_value(calm),
            _rotation(self.rates, following[..., KEY], index, clock),
            past.rotation,
        )
        return x + self.near_out(y)


def _alike(interval: Tensor, place: Tensor) -> Tensor:
    """How many of the last intervals before two events are the same, up to `MOST_ALIKE`.

    Shape (B, T, T). Entry (t, s) compares what was read up to event t with what was read
    before event s. ``place`` is that of the last note at or before each event, or -1.
    """
    n_batch, n = interval.shape
    known = interval < N_INTERVALS
    is_note = place == torch.arange(n, device=place.device)
    source = place.clamp(min=0)
    found = torch.zeros(n_batch, n, n, dtype=torch.int8, device=place.device)
    last = torch.zeros(n_batch, n, dtype=torch.int8, device=place.device)
    for t in range(n):
        same = known & (interval == interval[:, t, None])
        longer = functional.pad(last[:, :-1], (1, 0)) + 1
        new = (longer * same).clamp_(max=MOST_ALIKE).to(torch.int8)
        new = new.gather(1, source) * (place >= 0)
        last = torch.where(is_note[:, t, None], new, last).to(torch.int8)
        found[:, t, 1:] = last[:, :-1]
    return found.float()


def _heard(key: Tensor, clock: Tensor) -> Tensor:
    """How often each key was struck, fading at several speeds: (B, T, decays, 88)."""
    struck = functional.one_hot(key, PEDAL + 1)[:, :, None, :PEDAL].float()
    gaps = torch.diff(clock, dim=1, prepend=clock[:, :1]).float()
    fading = torch.exp(-gaps[..., None] / torch.tensor(DECAYS, device=key.device))[..., None]
    state = torch.zeros_like(struck[:, 0].expand(-1, len(DECAYS), -1))
    found = []
    for n in range(key.shape[1]):
        state = state * fading[:, n] + struck[:, n]
        found.append(state)
    return torch.stack(found, 1)


def _rotation(rates: Tensor, key: Tensor, index: Tensor, clock: Tensor) -> Rotation:
    """By pitch, by events and by seconds; shapes (B, T, n_angles)."""
    pitch = torch.where(key == PEDAL, PEDAL_PITCH, key)
    angles = torch.stack((pitch, index.expand_as(key), clock), -1).float() @ rates
    return angles.cos(), angles.sin()


def _rotated(x: Tensor, rotation: Rotation) -> Tensor:
    cos, sin = (part.to(x.dtype) for part in rotation)
    one, other = x.chunk(2, -1)
    return torch.cat((one * cos - other * sin, one * sin + other * cos), -1)


def _probability(logits: Tensor, target: Tensor) -> Tensor:
    return logits.float().softmax(-1).gather(-1, target[..., None]).squeeze(-1)


def _nats(probability: Tensor) -> Tensor:
    return -torch.log(probability.clamp(min=1e-9))


def _nats_of(logits: Tensor, target: Tensor) -> Tensor:
    found = functional.cross_entropy(
        logits.float().flatten(0, 1), target.flatten(), reduction="none"
    )
    return found.view(target.shape)
