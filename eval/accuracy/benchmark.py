"""Systems on a set: accuracy, speed, memory and start-up side by side, in one record.

    python -m eval.accuracy.benchmark set=maps-real-dev system=ours
    python -m eval.accuracy.benchmark set=maps-real-dev system=all noise=esc10,synthesised-noise
    python -m eval.accuracy.benchmark set=maestro-v3-test data=FOLDER checkpoint=FILE device=cuda

``set`` is one of `eval.data.sets`, ``system`` one or several of `eval.systems.registry`, comma
separated. Every system runs in an environment and a process of its own, behind the same
protocol, on the same audio files, with the threads stated; one scorer reads the MIDI files
that they wrote. A run that was stopped goes on where it was: what is done is kept in ``work``.

The tables go to stdout (with ``latex=FILE`` also there), progress to stderr, the record to
``out``: scores of every recording, means, intervals, paired differences and tests, conventions,
data, weights, device and precision, versions, commit, command and machine, and no path of the
machine it ran on. ``csv=FILE`` has every figure of every recording.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

from eval.accuracy.musical import musical_measures
from eval.common.command import device, new_parser, run
from eval.common.paired import differences
from eval.common.record import data_name
from eval.common.tables import benchmark_tables, latex, of_systems, recordings_csv
from eval.common.transcribing import cut_at_end
from eval.data.clips import Clip, Labelled, noise_clips, pieces_of
from eval.data.sets import NO_PIANO, SETS, find_set
from eval.systems.peers.ours import SUSTAINED_SUFFIX
from eval.systems.registry import SYSTEMS, System, default_environments, find_systems, python_of
from eval.systems.serving import Setup, speed_of, transcribe_all
from transcribe.checkpoint import PACKAGED, load_checkpoint
from transcribe.datasets import has_pedal, has_velocity, reference_performance
from transcribe.evaluation import metrics
from transcribe.evaluation.aggregate import aggregate
from transcribe.evaluation.error_types import Mistakes, find_mistakes
from transcribe.evaluation.metrics import Scores, false_notes_per_minute, score
from transcribe.midi import read_midi, write_midi
from transcribe.notes import Performance
from transcribe.options import positive_seconds, whole_number

_WORD = re.compile(r"([a-z][a-z0-9_]*)=(.*)", re.DOTALL)
_UNRECORDED = ("out", "midi_out", "csv", "latex", "work", "environments", "again", "draft")
"""Options that change no figure, or are paths of this machine."""
_REFERENCE = "ours"
"""The system that the others are compared with, if it is in the run."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the words say; 0, or 1 with one line if something is not as promised."""
    return run(
        _parser(),
        benchmark,
        as_flags(sys.argv[1:] if arguments is None else arguments),
        show=benchmark_tables,
        failure=_failure,
        words=command_line,
    )


def _failure(record: dict[str, Any]) -> str | None:
    failed = sum(each["speed"]["n_failed"] for each in of_systems(record))
    return f"{failed} clip(s) failed; scored as without notes" if failed else None


def as_flags(words: Sequence[str]) -> list[str]:
    """``max_seconds=20`` as ``--max-seconds 20``; flags pass."""
    flags: list[str] = []
    for word in words:
        found = _WORD.fullmatch(word)
        flags += [f"--{found[1].replace('_', '-')}", found[2]] if found else [word]
    return flags


def _parser() -> argparse.ArgumentParser:
    parser = new_parser("eval.accuracy.benchmark", __doc__)
    parser.epilog = "Every option may be given as name=value or as --name value."
    add = parser.add_argument
    add("--set", help=f"one of {', '.join(SETS)}")
    add("--system", default="ours", help=f"{', '.join(SYSTEMS)}, or all; default: ours")
    add("--data", type=Path, help="where the set lies, or a data set that is not declared")
    add("--split", default="test", help="of a data set that is not declared; default: test")
    add("--noise", help="sets or folders of recordings without any piano, comma separated")
    add("--checkpoint", "--weights", type=Path, help="of ours; default: the packaged weights")
    add("--device", type=device, default="cpu", help="of ours; default: cpu")
    add("--threads", type=whole_number, default=1, help="of each process; default: 1")
    add("--workers", type=whole_number, default=1, help="processes at a time; default: 1")
    add("--max-seconds", type=positive_seconds, help="use only the beginning of each recording")
    add("--first", type=whole_number, help="only so many recordings of each set: a rehearsal")
    add("--starts", type=whole_number, default=3, help="how often start-up is timed; default: 3")
    add("--again", type=_flag, default=False, help="true: transcribe again what is done")
    add("--work", type=Path, default=Path("outputs/benchmark"), help="MIDI, times, clips")
    add("--environments", type=Path, default=default_environments(), help="of the peers")
    add("--midi-out", type=Path, help="folder for the transcriptions, as MIDI")
    add("--csv", type=Path, help="write every figure of every recording here (.csv)")
    add("--latex", type=Path, help="write the tables here (.tex, for booktabs)")
    add("--musical", type=_flag, default=False, help="true: mpteval's measures too (extra mpteval)")
    return parser


def _flag(word: str) -> bool:
    if word.lower() not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"expected true or false; found {word}")
    return word.lower() == "true"


def benchmark(options: argparse.Namespace) -> dict[str, Any]:
    """Transcribe and score everything, and write the tables that were asked for."""
    if options.set is None and options.data is None and options.noise is None:
        sets = ", ".join(SETS)
        raise argparse.ArgumentError(
            None, f"give set=NAME, data=FOLDER or noise=NAME; the sets are {sets}"
        )
    for path in (options.csv, options.latex):
        if path is not None:  # so that it is known now, and not after hours, if there can't be one
            path.parent.mkdir(parents=True, exist_ok=True)
    systems = find_systems(options.system)
    wanted = None if options.set is None else find_set(options.set)
    noise = [] if options.noise is None else options.noise.split(",")
    if wanted is not None and wanted.kind == NO_PIANO:
        noise, wanted = [wanted.name, *noise], None
    labelled = wanted is not None or (options.data is not None and options.set is None)
    pieces, data = pieces_of(wanted, options) if labelled else ([], None)
    quiet = dict(noise_clips(word, options) for word in noise)
    record: dict[str, Any] = {
        "threads": options.threads,
        "workers": options.workers,
        "conventions": " ".join((metrics.__doc__ or "").partition("References")[0].split()),
    }
    if data is not None:
        record["data"] = data
    measured = {each.name: _measure(each, pieces, quiet, options) for each in systems}
    if len(systems) == 1:
        record |= measured[systems[0].name]
    else:
        record["systems"] = measured
        if pieces and _REFERENCE in measured:
            ours = measured[_REFERENCE]["recordings"]
            record["differences"] = {
                name: differences(ours, each["recordings"])
                for name, each in measured.items()
                if name != _REFERENCE
            }
    for path, text in (
        (options.csv, recordings_csv),
        (options.latex, lambda record: latex(benchmark_tables(record))),
    ):
        if path is not None:
            path.write_text(text(record), encoding="utf-8")
    return record


def _setup(system: System, options: argparse.Namespace) -> tuple[Setup, dict[str, Any]]:
    """How a system is run, and what the record says about it."""
    said = system.as_json()
    settings: dict[str, Any] = dict(system.options)
    weights = None
    if system.requirements is None:
        checkpoint = load_checkpoint(options.checkpoint, device=options.device)
        # Of the whole file, since thresholds are in its header.
        weights = hashlib.sha256((options.checkpoint or PACKAGED).read_bytes()).hexdigest()
        if options.checkpoint is not None:
            settings["checkpoint"] = str(options.checkpoint.resolve())
        settings["device"] = options.device
        version = checkpoint.metadata.get("version", "")
        said |= {
            "name": f"{checkpoint.name} {version}".strip(),
            "weights_sha256": checkpoint.metadata.get("sha256"),
            "n_parameters": checkpoint.n_parameters,
            "decode": vars(checkpoint.decode),
            "windows": vars(checkpoint.windows),
        }
        said["precision"] = checkpoint.precision
    said["device"] = settings.get("device", "cpu")
    return Setup(
        system=system,
        python=python_of(system, options.environments),
        threads=options.threads,
        workers=options.workers,
        options=settings,
        weights_sha256=weights,
    ), said


def _measure(
    system: System,
    pieces: Sequence[Labelled],
    quiet: dict[str, list[Clip]],
    options: argparse.Namespace,
) -> dict[str, Any]:
    """One system on everything: what the record says of it."""
    setup, said = _setup(system, options)
    folder = options.work / "transcribed" / f"{system.name}-{setup.fingerprint}"

    def report(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    def transcribe(
        clips: Sequence[Clip], name: str, n_starts: int
    ) -> tuple[list[dict[str, Any]], Path]:
        place = folder / name
        states = transcribe_all(
            setup, clips, place, n_starts=n_starts, again=options.again, report=report
        )
        return states, place

    cut = "" if options.max_seconds is None else f"-{options.max_seconds:g}s"
    block: dict[str, Any] = {"system": said}
    if pieces:
        name = options.set or data_name(options.data)
        states, place = transcribe([piece.clip for piece in pieces], f"{name}{cut}", options.starts)
        block["speed"] = speed_of(states, place)
        block |= _scored(system, pieces, states, place, options)
    if quiet:
        block["noise"] = []
    for name, clips in quiet.items():
        states, place = transcribe(clips, f"{name}{cut}", 1 if pieces else options.starts)
        block["noise"].append(noise_block(name, clips, states, place))
        spent = speed_of(states, place)
        if "speed" in block:
            block["speed"]["n_failed"] += spent["n_failed"]
        else:
            block["speed"] = spent
    return block


def _scored(
    system: System,
    pieces: Sequence[Labelled],
    states: Sequence[dict[str, Any]],
    place: Path,
    options: argparse.Namespace,
) -> dict[str, Any]:
    """The accuracy of what a system wrote: of each recording, and of all."""
    midi_out = options.midi_out
    if midi_out is not None:
        several = len(find_systems(options.system)) > 1
        midi_out = midi_out / system.name if several else midi_out
        midi_out.mkdir(parents=True, exist_ok=True)
    scores, mistakes, recordings = [], [], []
    for piece, state in zip(pieces, states, strict=True):
        found, made = score_piece(piece, place, system, midi_out, musical=options.musical)
        scores.append(found)
        mistakes.append(made)
        recordings.append(_as_json(piece, state, found))
    return {
        "summary": {key: each.as_json() for key, each in aggregate(scores).items()},
        "mistakes": reduce(add, mistakes).as_json(),
        "recordings": recordings,
    }


def score_piece(
    piece: Labelled, folder: Path, system: System, midi_out: Path | None, *, musical: bool = False
) -> tuple[Scores, Mistakes]:
    """What a system wrote against what was played; a clip it failed on has no notes.

    Reference and estimate are cut where the clip ends.
    """
    est, est_sustained = read_estimate(folder, piece.clip.name)
    cut = [reference_performance(piece.recording), est]
    cut += [] if est_sustained is None else [est_sustained]
    ref, est, *rest = cut_at_end(cut, piece.clip.seconds, None)
    if midi_out is not None:
        write_midi(est, midi_out / f"{piece.clip.name}.mid")
    known = {
        "ref_has_pedal": has_pedal(piece.recording),
        "ref_has_velocity": has_velocity(piece.recording),
    }
    scores = score(ref, est, est_sustained=rest[0] if rest else None, **known)
    if musical:
        scores = replace(scores, numbers=scores.numbers | musical_measures(ref, est, **known))
    mistakes = find_mistakes(ref, est, **known)
    if system.writes_pedal:
        return scores, mistakes
    ratios = {name: each for name, each in scores.ratios.items() if "/pedal/" not in name}
    return replace(scores, ratios=ratios), mistakes


def read_estimate(folder: Path, name: str) -> tuple[Performance, Performance | None]:
    """What a system wrote of a clip, and its own pedal-extended notes if it has any."""
    midi = folder / f"{name}.mid"
    if not midi.is_file():
        return Performance(), None
    sustained = midi.with_suffix(SUSTAINED_SUFFIX)
    return read_midi(midi), read_midi(sustained) if sustained.is_file() else None


def noise_block(
    name: str, clips: Sequence[Clip], states: Sequence[dict[str, Any]], folder: Path
) -> dict[str, Any]:
    """False notes a minute in recordings without any piano, all together and each.

    Clips that a system failed on are left out: no notes would be right.
    """
    recordings = []
    n_notes, seconds = 0, 0.0
    for clip, state in zip(clips, states, strict=True):
        if "error" in state:
            continue
        found = read_estimate(folder, clip.name)[0]
        n_notes += len(found.notes)
        seconds += clip.seconds
        recordings.append(
            {
                "name": clip.name,
                "n_notes": len(found.notes),
                "duration": round(clip.seconds, 3),
                "per_minute": round(false_notes_per_minute(found, clip.seconds), 2),
            }
        )
    return {
        "name": name,
        "n_recordings": len(recordings),
        "n_failed": len(clips) - len(recordings),
        "seconds": round(seconds, 1),
        "false_notes_per_minute": round(60 * n_notes / seconds, 2) if recordings else None,
        "recordings": recordings,
    }


def command_line(options: argparse.Namespace) -> str:
    """The command that makes the record again, in words; of paths only the names."""
    defaults = vars(_parser().parse_args([]))
    words = ["python -m eval.accuracy.benchmark"]
    for name, value in vars(options).items():
        if name in _UNRECORDED or value is None or value == defaults[name]:
            continue
        shown = data_name(value) if isinstance(value, Path) else value
        if name == "noise":
            shown = ",".join(Path(each).name for each in str(value).split(","))
        words.append(f"{name}={shown}")
    return " ".join(words)


def _as_json(piece: Labelled, state: dict[str, Any], scores: Scores) -> dict[str, Any]:
    """Everything but paths."""
    recording = piece.recording
    said = {
        "name": recording.name,
        "composer": recording.composer,
        "title": recording.title,
        "duration": round(piece.clip.seconds, 3),
        "audio_sha256": piece.clip.sha256,
        "wall_seconds": round(state["wall_seconds"], 3),
        "warnings": state.get("warnings", []),
        "scores": scores.as_json(),
    }
    if "error" in state:
        said["error"] = state["error"].strip().splitlines()[-1].replace(str(piece.clip.path), "")
    return said


if __name__ == "__main__":
    sys.exit(main())
