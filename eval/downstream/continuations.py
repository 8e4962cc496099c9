"""How the generators do: bits per note, and whether continuations stay like real ones.

    python -m eval.downstream.continuations --data maestro-v3.0.0.csv \\
        --generator transformer=A.safetensors --generator lstm=B.safetensors \\
        --out eval/results/continue.json

*Bits per note*: what a generator needs to encode the first events of every performance of
the validation split, the pedal's included, over its notes; the first event is free. All
generators encode the same events (`transcribe.generate.events`). A network reads a performance
in stretches that overlap by half; a Markov chain counts the train split.

*Continuations*: from each performance an opening, and what really followed it. Every
generator goes on from the same openings for as long. A continuation is compared with its
opening in three figures:

- pitch classes: half the summed difference of the shares of the twelve, 0 to 1;
- polyphony: how many keys are down on average, as a ratio, logarithm to the base 2;
- density: notes a second, likewise.

What a musician hears is told beside it, for what a generator made and for what really followed:
notes outside the opening's key, figures that return, how even the pulse is, register, touch, notes
that are stuck (`eval.downstream.likeness`). With ``--copied`` also how many notes in a row, at
most, are in the *train* split too, in any key (`eval.downstream.copying`); for what really
followed, which nobody learnt from, that is how much music has in common anyway.

The range of a figure is what real continuations of the *train* split show, the 5th to 95th
percentile; pitch classes have an upper end alone. What really followed the validation's
openings is scored in the same ranges: it is the most that can be asked for.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from eval.common.command import new_parser, run
from eval.common.record import data_name
from eval.common.tables import ABSENT, markdown
from eval.downstream.copying import Intervals, Learnt, intervals_of, summed_up
from eval.downstream.likeness import MusicOfContinuation, mean_music, music_of
from eval.downstream.markov import LONGEST, MarkovChain
from transcribe.datasets import load_dataset, reference_performance
from transcribe.errors import TranscribeError
from transcribe.generate import Continuer, Sampling
from transcribe.generate.continuation import before
from transcribe.generate.events import KEY, PEDAL, SIZES, Events, encode
from transcribe.generate.model import EventModel
from transcribe.generate.weights import GeneratorWeights, load_generator
from transcribe.notes import Note, Performance
from transcribe.options import positive_seconds, whole_number

RECIPE, MARKOV = "continue", "Markov chain"
"""Rows of the record: the packaged weights, and what they are compared with."""
FIGURES = ("pitch_classes", "polyphony", "density")
Figures = NDArray[np.float64]
Go = Callable[[Performance, int], Sequence[Note]]
"""From an opening and its number to the notes that follow it."""


@dataclass(frozen=True, slots=True)
class RealContinuation:
    """An opening, and the notes that really followed."""

    opening: Performance
    following: tuple[Note, ...]


def figures(
    opening: Sequence[Note], following: Sequence[Note], start: float, stop: float
) -> Figures:
    """The three `FIGURES` of a continuation from ``start`` to ``stop``, in seconds.

    The opening is what was struck before ``start``. Where nothing follows they are
    infinite, and in no range.
    """
    begin = opening[0].onset
    shares, down, rates = [], [], []
    for notes, first, last in ((opening, begin, start), (following, start, stop)):
        if not notes:
            return np.full(len(FIGURES), np.inf)
        classes = np.bincount([note.pitch % 12 for note in notes], minlength=12)
        shares.append(classes / classes.sum())
        down.append(sum(min(n.offset, last) - n.onset for n in notes) / (last - first))
        rates.append(len(notes) / (last - first))
    return np.array(
        [
            float(np.abs(shares[0] - shares[1]).sum() / 2),
            math.log2(down[1] / down[0]),
            math.log2(rates[1] / rates[0]),
        ]
    )


def ranges(found: Figures) -> NDArray[np.float64]:
    """Least and greatest of each figure, from the rows of real continuations."""
    low, high = np.percentile(found, (5, 95), axis=0)
    low[0] = 0.0
    return np.stack((low, high))


def within(found: Figures, allowed: NDArray[np.float64]) -> dict[str, float]:
    """Share of rows in range, by figure, and in all of them at once."""
    inside = (found >= allowed[0]) & (found <= allowed[1])
    shares = {name: float(inside[:, column].mean()) for column, name in enumerate(FIGURES)}
    return {**shares, "all": float(inside.all(1).mean())}


def passages(
    performances: Sequence[Performance], *, opening: float, following: float
) -> list[RealContinuation]:
    """From the middle of each performance that is long enough, on its own clock from 0."""
    found = []
    for performance in performances:
        start = (performance.duration - opening - following) / 2
        notes = [n for n in performance.notes if start <= n.onset < start + opening + following]
        moved = Performance(
            notes=tuple(_moved(note, start) for note in notes),
            pedal=tuple(_moved(p, start) for p in performance.pedal if p.onset >= start),
        )
        rest = tuple(n for n in moved.notes if n.onset >= opening)
        if start > 0 and len(rest) < len(moved.notes) and rest:
            found.append(RealContinuation(before(moved, opening), rest))
    return found


def _moved(each: Any, by: float) -> Any:
    return replace(each, onset=each.onset - by, offset=each.offset - by)


def scored(
    found: Sequence[RealContinuation], go: Go, options: argparse.Namespace
) -> tuple[Figures, list[MusicOfContinuation | None], list[Intervals]]:
    """Figures of what a generator makes of each opening, a row each, what is heard, and lines."""
    start, stop = options.opening, options.opening + options.following
    rows, music, lines = [], [], []
    for number, passage in enumerate(found):
        notes = [n for n in go(passage.opening, number) if start <= n.onset < stop]
        rows.append(figures(passage.opening.notes, notes, start, stop))
        music.append(music_of(passage.opening.notes, notes))
        lines.append(intervals_of(notes))
    return np.array(rows), music, lines


def generated(continuer: Continuer, options: argparse.Namespace) -> Go:
    """Continuations by a generator; the opening's number is the seed."""

    def go(opening: Performance, number: int) -> Sequence[Note]:
        sampling = Sampling(options.temperature, options.top_p, number, options.tame)
        *_, last = continuer.stream(
            opening, seconds=options.following, at=options.opening, sampling=sampling
        )
        return last.continuation.notes

    return go


def repeated(options: argparse.Namespace) -> Go:
    """The opening's last seconds once more: as like it as can be, and no new music."""

    def go(opening: Performance, _: int) -> Sequence[Note]:
        by = -options.following
        return [_moved(n, by) for n in opening.notes if n.onset >= options.opening + by]

    return go


@torch.inference_mode()
def network_nats(model: EventModel, events: Events) -> NDArray[np.float64]:
    """As `MarkovChain.nats`, read in stretches of the context that overlap by half."""
    context = model.config.context
    rows = [np.zeros((0, len(SIZES)))]
    done = 1
    while done < len(events):
        first = max(0, done - context // 2)
        stretch = torch.from_numpy(events[first : first + context + 1])
        nats = model.nats(stretch[None])[0].double().numpy()
        rows.append(nats[done - first - 1 :])
        done = first + len(stretch)
    return np.concatenate(rows)


def bits_per_note(
    nats: Callable[[Events], NDArray[np.float64]], pieces: Sequence[Events]
) -> dict[str, float]:
    """Over all pieces: of each of an event's numbers, and of all of them."""
    total = sum(nats(piece).sum(0) for piece in pieces)
    n_notes = sum(int((piece[1:, KEY] != PEDAL).sum()) for piece in pieces)
    bits = np.asarray(total) / n_notes / math.log(2)
    return {**dict(zip(SIZES, bits.tolist(), strict=True)), "all": float(bits.sum())}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments say; 0, or 1 with one line if a file is not as promised."""
    parser = new_parser("eval.downstream.continuations", __doc__)
    add = parser.add_argument
    add("--data", type=Path, required=True, help="MAESTRO's index")
    add(
        "--generator",
        action="append",
        default=[],
        metavar="NAME=WEIGHTS",
        help="a network, under a name; without WEIGHTS the packaged one",
    )
    add("--orders", type=whole_number, nargs="+", default=list(range(2, LONGEST + 2)))
    add("--events", type=whole_number, default=2000, help="of each performance; default: 2000")
    add("--passages", type=whole_number, default=None, help="use so many at most; default: all")
    add("--opening", type=positive_seconds, default=30.0, help="seconds; default: 30")
    add("--following", type=positive_seconds, default=20.0, help="seconds; default: 20")
    add("--temperature", type=float, default=1.0)
    add("--top-p", type=float, default=1.0)
    add("--tame", type=float, default=Sampling.tame, help="of generators; see Sampling")
    add("--copied", action="store_true", help="count runs copied from the train split")
    add("--add", action="store_true", help="keep the rows of the record that is there")
    return run(parser, evaluated, arguments)


SETTINGS = ("events", "passages", "opening", "following", "temperature", "top_p")
"""What rows of one record must have in common."""


def evaluated(options: argparse.Namespace) -> dict[str, Any]:
    """Everything the record says."""
    if options.add and (options.out is None or not options.out.is_file()):
        raise argparse.ArgumentError(None, "--add needs --out with a record that is there")
    torch.set_num_threads(1)
    settings = {name: getattr(options, name) for name in SETTINGS}
    earlier = _earlier(options, settings)
    validation = _performances(options, "validation")
    pieces = [encode(performance)[: options.events] for performance in validation]
    length = {"opening": options.opening, "following": options.following}
    openings = passages(validation, **length)[: options.passages]
    rows: dict[str, dict[str, Any]] = earlier.get("generators", {})
    train = _performances(options, "train") if options.copied or not earlier else []
    learnt = Learnt(intervals_of(each.notes) for each in train) if options.copied else None
    allowed = _allowed(options, earlier, train)

    def add(name: str, go: Go, about: Mapping[str, Any]) -> None:
        begun = time.process_time()
        found, music, lines = scored(openings, go, options)
        seconds = time.process_time() - begun
        copied = {"copied": summed_up(learnt.longest_runs(lines))} if learnt is not None else {}
        rows[name] = {
            **about,
            "within": within(found, allowed),
            "music": mean_music(music),
            **copied,
            "cpu_seconds_a_second": seconds / (len(openings) * options.following),
        }
        print(f"{name}: {rows[name]}", flush=True)

    def add_chain(name: str, events: Sequence[Events]) -> None:
        chains = {order: MarkovChain(events, order) for order in options.orders}
        bits = {order: bits_per_note(chain.nats, pieces) for order, chain in chains.items()}
        best = min(bits, key=lambda order: bits[order]["all"])
        orders = {str(order): each["all"] for order, each in bits.items()}
        about = {"order": best, "bits_per_note": bits[best], "orders": orders}
        add(name, generated(Continuer(chains[best].listen, name=name), options), about)

    followed = {id(passage.opening): passage.following for passage in openings}
    add("what really followed", lambda opening, _: followed[id(opening)], {})
    add("the opening's end again", repeated(options), {})
    if not earlier:
        add_chain(MARKOV, [encode(performance) for performance in train])
    for named in options.generator:
        name, _, path = named.rpartition("=")
        weights = load_generator(Path(path) if path else None)
        known = rows.get(name or weights.name, {})
        about = {"tame": options.tame, **_of_network(weights, known, pieces)}
        add(name or weights.name, generated(Continuer.of(weights), options), about)
    return {
        "earlier_commands": [*earlier.get("earlier_commands", []), earlier["command"]]
        if earlier
        else [],
        "data": data_name(options.data),
        "settings": settings,
        "n_openings": len(openings),
        "ranges": {name: allowed[:, column].tolist() for column, name in enumerate(FIGURES)},
        "n_notes": sum(int((piece[1:, KEY] != PEDAL).sum()) for piece in pieces),
        "generators": rows,
        "summary": summary(rows),
    }


def _allowed(
    options: argparse.Namespace, earlier: Mapping[str, Any], train: Sequence[Performance]
) -> Figures:
    """Least and greatest of each figure: those of the record that is there, or of real music."""
    if earlier:
        return np.array([earlier["ranges"][name] for name in FIGURES]).T
    start, stop = options.opening, options.opening + options.following
    real = [
        figures(passage.opening.notes, passage.following, start, stop)
        for passage in passages(train, opening=options.opening, following=options.following)
    ]
    return ranges(np.array(real))


def _of_network(
    weights: GeneratorWeights, known: Mapping[str, Any], pieces: Sequence[Events]
) -> dict[str, Any]:
    """What is told of a network; a row of the same weights has the bits that it needs already."""
    model = weights.model
    if known.get("weights") == weights.metadata:
        bits = known["bits_per_note"]
    else:
        bits = bits_per_note(lambda events: network_nats(model, events), pieces)
    n_parameters = sum(parameter.numel() for parameter in model.parameters())
    return {"weights": weights.metadata, "n_parameters": n_parameters, "bits_per_note": bits}


def summary(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """What `recipes.check` looks at, of the row `RECIPE`; fractions, more is better."""
    if not {RECIPE, MARKOV} <= rows.keys():
        return {}
    bits, chain = (rows[name]["bits_per_note"]["all"] for name in (RECIPE, MARKOV))
    shares = {f"within/{name}": share for name, share in rows[RECIPE]["within"].items()}
    found = {"bits_saved_on_markov_chain": 1 - bits / chain, **shares}
    return {name: {"mean": value} for name, value in found.items()}


def table(record: Mapping[str, Any]) -> str:
    """The rows as Markdown: bits, then shares in range in percent."""
    columns = (
        "",
        "bits per note",
        "pitch classes",
        "polyphony",
        "density",
        "all three",
        "out of key",
        "figures return",
        "pulse",
    )
    rows = []
    for name, row in record["generators"].items():
        bits = f"{row['bits_per_note']['all']:.2f}" if "bits_per_note" in row else ABSENT
        shares = [f"{100 * row['within'][figure]:.0f} %" for figure in (*FIGURES, "all")]
        music = row.get("music")
        heard = [ABSENT] * 3
        if music:
            heard = [f"{100 * music[name]:.1f} %" for name in ("out_of_key", "returning")]
            heard.append(f"{music['pulse']:+.2f}")
        rows.append([name, bits, *shares, *heard])
    return markdown(columns, rows)


def copied_table(record: Mapping[str, Any]) -> str:
    """As Markdown, how long the longest runs of notes are that were learnt."""
    rows = [
        [name, f"{runs['mean']:.1f}", f"{runs['p95']:.0f}", str(runs["longest"])]
        for name, row in record["generators"].items()
        for runs in [row.get("copied")]
        if runs
    ]
    return markdown(("notes", "mean", "95 %", "most"), rows)


def _performances(options: argparse.Namespace, split: str) -> list[Performance]:
    return [reference_performance(each) for each in load_dataset(options.data, split=split)]


def _earlier(options: argparse.Namespace, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The record to add to, or nothing."""
    if not options.add:
        return {}
    record: dict[str, Any] = json.loads(options.out.read_text(encoding="utf-8"))
    if record["settings"] != dict(settings):
        raise TranscribeError(
            f"{options.out}: expected a record with the settings {settings}; found "
            f"{record['settings']}"
        )
    return record


if __name__ == "__main__":
    sys.exit(main())
