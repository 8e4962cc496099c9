"""A character LSTM of tunes in ABC: it learns a collection, and goes on from a tune of ours.

    python -m eval.downstream.abc_lstm train nottingham/*.abc --weights lstm.safetensors
    python -m eval.downstream.abc_lstm sample tokens/abc/song.tune.abc --weights lstm.safetensors \\
        --bars 8 --seed 7 --out more.abc
    abc2midi more.abc -o more.mid
    transcribe place more.mid --onto tokens/abc/song.tune.abc --without-primer --merge

As in char-rnn the network reads one character after the other and says which comes next. It
reads of a tune its metre, unit length, key and notes; names, sources, comments, chord symbols,
tempi, spaces at line ends and repeats of a bar line are left out, of what it learns and of what
it goes on from. The same seed gives the same tune.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as as_safetensors
from torch import Tensor, nn

from transcribe.errors import CheckpointError, TranscribeError
from transcribe.files.atomic import write_atomically
from transcribe.options import natural_number, whole_number

END = "\n\n"
"""Between two tunes."""
_KEPT_FIELDS = ("M:", "L:", "K:")
_CHORD = re.compile(r'"[^"]*"|![^!]*!|\{[^}]*\}')
_BAR_LINE = re.compile(r"[:|\[\]]*\|[:|\]]*(?:\s*\[?\d)?|::")
_FIELD = re.compile(r"^[A-Za-z]:")
_LONGEST_BAR = 200
"""Characters; what has no bar lines is no tune."""
_HELD_OUT = 10
"""One tune in so many is not learnt, and says how well others are known."""


class TuneLSTM(nn.Module):
    """Characters in, logits of the next ones out."""

    def __init__(self, characters: str, width: int = 256, n_layers: int = 2) -> None:
        super().__init__()
        self.characters, self.width, self.n_layers = characters, width, n_layers
        self.embed = nn.Embedding(len(characters), width)
        self.lstm = nn.LSTM(width, width, n_layers, batch_first=True, dropout=0.2)
        self.head = nn.Linear(width, len(characters))

    def forward(
        self, numbers: Tensor, state: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Logits, shape (batch, n, n_characters), of numbers (batch, n); and the state after."""
        hidden, state = self.lstm(self.embed(numbers), state)
        return self.head(hidden), state

    def numbers(self, text: str) -> Tensor:
        """Places of characters among those it knows; others are left out."""
        known = {character: number for number, character in enumerate(self.characters)}
        return torch.tensor([known[each] for each in text if each in known], dtype=torch.long)


def tunes_of(text: str) -> Iterator[str]:
    """The tunes of a collection, each as the network reads it."""
    for tune in re.split(r"^X:.*$", text, flags=re.MULTILINE)[1:]:
        read = as_read(tune)
        if "K:" in read:
            yield read


def as_read(tune: str) -> str:
    """Metre, unit length, key and notes; each bar ends with one plain line."""
    lines = []
    for line in tune.splitlines():
        plain = _CHORD.sub("", line.partition("%")[0]).strip().rstrip("\\")
        if _FIELD.match(plain):
            if plain.startswith(_KEPT_FIELDS):
                lines.append(plain.replace(" ", ""))
        elif plain:
            lines.append(re.sub(r"\s*\|\s*", "|", _BAR_LINE.sub("|", plain)).lstrip("|"))
    return "\n".join(lines)


def train(
    tunes: Sequence[str], *, steps: int, seed: int = 0, width: int = 256, length: int = 128
) -> tuple[TuneLSTM, float]:
    """A network that has learnt tunes, and the bits a character that it needs for others.

    Every tenth tune is held out for the bits; where there are fewer than ten they are of the
    tunes themselves.
    """
    if not tunes:
        raise TranscribeError("expected tunes in ABC, each from a line X: on; found none")
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    held_out = list(tunes[::_HELD_OUT]) if len(tunes) >= _HELD_OUT else []
    learnt = [tune for i, tune in enumerate(tunes) if not held_out or i % _HELD_OUT]
    text = END + END.join(learnt) + END
    network = TuneLSTM("".join(sorted(set(text))), width)
    numbers = network.numbers(text)
    length = min(length, len(numbers) - 1)
    optimiser = torch.optim.Adam(network.parameters(), 2e-3)
    network.train()
    for step in range(steps):
        starts = rng.integers(0, len(numbers) - length, 32)
        batch = torch.stack([numbers[start : start + length + 1] for start in starts.tolist()])
        logits, _ = network(batch[:, :-1])
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        if step % 100 == 99:
            bits = loss.item() / math.log(2)
            print(f"step {step + 1}: {bits:.2f} bits a character", file=sys.stderr, flush=True)
    return network.eval(), bits_a_character(network, held_out or learnt)


@torch.inference_mode()
def bits_a_character(network: TuneLSTM, tunes: Sequence[str]) -> float:
    """What the network needs on average to tell these tunes."""
    nats, n_characters = 0.0, 0
    for tune in tunes:
        numbers = network.numbers(END + tune + END)
        logits, _ = network(numbers[None, :-1])
        nats += float(nn.functional.cross_entropy(logits[0], numbers[1:], reduction="sum"))
        n_characters += len(numbers) - 1
    return nats / max(n_characters, 1) / math.log(2)


@torch.inference_mode()
def sample(
    network: TuneLSTM, primer: str, *, bars: int, seed: int = 0, temperature: float = 1.0
) -> str:
    """What the network writes after a tune: so many bars, and never the tune's end."""
    rng = np.random.default_rng(seed)
    text = ""
    state = None
    numbers = network.numbers(END + primer)
    while text.count("|") < bars and len(text) < _LONGEST_BAR * bars:
        logits, state = network(numbers[None], state)
        weights = torch.softmax(logits[0, -1].double() / temperature, 0).numpy()
        if text.endswith("\n"):  # a second one would be the tune's end
            weights[network.characters.index("\n")] = 0
        number = int(rng.choice(len(weights), p=weights / weights.sum()))
        text += network.characters[number]
        numbers = torch.tensor([number])
    return text


def going_on(network: TuneLSTM, tune: str, **how: float) -> str:
    """A tune with what the network writes after it, in place of its final bar line."""
    begun = tune.rstrip().rstrip("]|") + "|"
    return begun + sample(network, as_read(begun), **how).rstrip("|\n") + "|]\n"  # type: ignore[arg-type]


def save(network: TuneLSTM, path: Path) -> None:
    """Write weights, with the characters in their order."""
    about = {"characters": network.characters, "width": network.width, "layers": network.n_layers}
    content = as_safetensors(network.state_dict(), {"tune_lstm": json.dumps(about)})
    write_atomically(path, content)


def load(path: Path) -> TuneLSTM:
    """Read what `save` wrote.

    Raises
    ------
    CheckpointError
        It is something else.
    """
    try:
        with safe_open(path, "pt") as file:
            about = json.loads(file.metadata()["tune_lstm"])
            network = TuneLSTM(about["characters"], about["width"], about["layers"])
            network.load_state_dict({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(
            f"{path}: expected weights that `abc_lstm train` wrote: {error}"
        ) from error
    return network.eval()


def main(arguments: Sequence[str] | None = None) -> int:
    """Train or sample; 1 with one line if a file is not as promised."""
    parser = argparse.ArgumentParser("python -m eval.downstream.abc_lstm", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    actions = parser.add_subparsers(dest="action", required=True)
    add = actions.add_parser("train", help="learn a collection").add_argument
    add("collections", nargs="+", type=Path, help="files of tunes in ABC")
    add("--steps", type=whole_number, default=3000, help="default: 3000")
    add("--width", type=whole_number, default=256, help="default: 256")
    add("--weights", type=Path, required=True, help="write them here")
    add("--seed", type=natural_number, default=0)
    add = actions.add_parser("sample", help="go on from a tune").add_argument
    add("tune", type=Path, help="a tune as transcribe tokens --for abc writes it")
    add("--weights", type=Path, required=True, help="as train wrote them")
    add("--bars", type=whole_number, default=8, help="default: 8")
    add("--temperature", type=_positive, default=0.8, help="default: 0.8")
    add("--seed", type=natural_number, default=0)
    add("--out", type=Path, required=True, help="write the longer tune here")
    options = parser.parse_args(arguments)
    try:
        if options.action == "train":
            texts = [path.read_text("utf-8", "replace") for path in options.collections]
            tunes = [tune for text in texts for tune in tunes_of(text)]
            network, bits = train(
                tunes, steps=options.steps, seed=options.seed, width=options.width
            )
            save(network, options.weights)
            print(f"{options.weights}: {len(tunes)} tunes, {bits:.2f} bits a character")
        else:
            network = load(options.weights)
            how = {"bars": options.bars, "seed": options.seed, "temperature": options.temperature}
            longer = going_on(network, options.tune.read_text("utf-8", "replace"), **how)
            options.out.write_text(longer, "ascii", "replace")
            print(f"{options.out}: {longer.count('|')} bars")
    except (TranscribeError, OSError) as error:
        print(f"abc_lstm: {error}", file=sys.stderr)
        return 1
    return 0


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number above 0; found {text!r}")
    return value


if __name__ == "__main__":
    sys.exit(main())
