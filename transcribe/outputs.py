"""Which recording becomes which files, settled and checked before any work is done.

ValueError means wrong usage: nothing should be done at all. A `TranscribeError` means
that one recording can't be done; the others can.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from transcribe.errors import AudioError, OutputError
from transcribe.files.endings import MIDI_IS_NO_RECORDING, WRITTEN_MIDI_SUFFIXES, is_midi
from transcribe.files.names import output_stem
from transcribe.wording import reason, what_is_at


@dataclass(frozen=True)
class RecordingPlan:
    """One recording and the files to make of it."""

    recording: Path
    midi: Path
    csv: Path | None = None
    json: Path | None = None
    duration: float | None = None
    """Seconds, if the file's header says."""

    @property
    def outputs(self) -> tuple[Path, ...]:
        """All files that will be written."""
        return tuple(path for path in (self.midi, self.csv, self.json) if path is not None)


def plan(
    recordings: Sequence[str], output: str | None = None, *, csv: bool = False, json: bool = False
) -> tuple[RecordingPlan, ...]:
    """Name the outputs of recordings, and make the folder they go to.

    Parameters
    ----------
    recordings : sequence of str
        One path or more.
    output : str, optional
        A folder: one that exists, or ends with a slash, or has no suffix, or is meant for
        several recordings. Or, for one recording, a file that ends in
        `WRITTEN_MIDI_SUFFIXES`.
        If left out, outputs go beside the recordings.
    csv, json : bool
        Which files there will be beside the MIDI file.

    Raises
    ------
    ValueError
        Two recordings would be written to one file, a recording would be written over, or
        ``output`` is no place to write to.
    """
    folder, file = _place(output, len(recordings))
    jobs = []
    for recording in map(Path, recordings):
        endings = [".mid", *([".csv"] if csv else []), *([".json"] if json else [])]
        stem = output_stem((file or recording).name, room=max(map(len, endings)))
        midi = file or (folder or recording.parent) / f"{stem}.mid"
        job = RecordingPlan(
            recording=recording,
            midi=midi,
            csv=midi.with_name(f"{stem}.csv") if csv else None,
            json=midi.with_name(f"{stem}.json") if json else None,
        )
        jobs.append(job)
    check_distinct((job.recording, job.outputs) for job in jobs)
    if output is not None:
        made = jobs[0].midi.parent
        try:
            made.mkdir(parents=True, exist_ok=True)
            _check_writable(made)
        except OSError as error:
            raise ValueError(f"-o {output}: {reason(error, about=made)}") from error
    return tuple(jobs)


def checked(job: RecordingPlan, *, overwrite: bool = False) -> RecordingPlan:
    """The job with its duration, if its recording opens and its outputs may be written.

    Raises
    ------
    AudioError
        The recording is missing or no recording.
    OutputError
        An output is there already.
    PermissionError
        The folder may not be written to.
    """
    from transcribe.audio.probing import probe

    if job.recording.is_dir():
        raise AudioError(
            f"is a folder; name the recordings in it: {job.recording / '*.mp3'}", kind="not_a_file"
        )
    info = probe(job.recording)
    for output in job.outputs:
        if output.is_dir():
            raise OutputError(f"{output} is a folder, not a file to write")
        if output.exists() and not overwrite:
            raise OutputError(f"{output} already exists; use --overwrite to replace it")
    _check_writable(job.midi.parent)
    return replace(job, duration=info.duration)


def check_output(output: Path, sources: Iterable[Path] = (), *, overwrite: bool = False) -> None:
    """See that one file may be written, before there is any work on it.

    Parameters
    ----------
    output : Path
    sources : iterable of Path
        What it is made of; none of them may be written over.
    overwrite : bool
        Whether it may be there already.

    Raises
    ------
    ValueError
        It is one of its sources.
    OutputError
        It is there already, is a folder, or its folder is missing or no place to write to.
    """
    for source in sources:
        if output.exists() and source.exists() and source.samefile(output):
            raise ValueError(f"-o {output}: {source} would be overwritten")
    if output.is_dir():
        raise OutputError(f"{output} is a folder, not a file to write")
    if output.exists() and not overwrite:
        raise OutputError(f"{output} already exists; use --overwrite to replace it")
    if not output.parent.is_dir():
        found = what_is_at(output.parent)
        why = f"expected a folder, found {found}" if found else "no such folder; make it first"
        raise OutputError(f"{output.parent}: {why}")
    _check_writable(output.parent)


def check_folder(folder: Path, *, is_written: bool = True) -> None:
    """See that files may be written to a folder, which is there or is to be made.

    Parameters
    ----------
    folder : Path
    is_written : bool
        If not, only that it can be a folder.

    Raises
    ------
    OutputError
        A file stands in its place, or on the way to it.
    PermissionError
        The folder, or that in which it is to be made, may not be written to.
    """
    there = next((each for each in (folder, *folder.parents) if os.path.lexists(each)), Path())
    if not there.is_dir():
        where = "" if there == folder else f" ({there})"
        raise OutputError(f"{folder}: expected a folder, found {what_is_at(there)}{where}")
    if is_written:
        _check_writable(there)


def midi_output(output: Path | None, source: Path, *, ending: str) -> Path:
    """The MIDI file that a command writes of one source, beside it if no other is named.

    Parameters
    ----------
    output : Path, optional
        What the user names.
    source : Path
    ending : str
        Of the name that it gets otherwise, in place of the source's own, such as
        ``".placed.mid"``.

    Raises
    ------
    ValueError
        The user's name is not that of a MIDI file.
    """
    path = output or source.with_name(output_stem(source.name, room=len(ending)) + ending)
    if path.suffix.lower() not in WRITTEN_MIDI_SUFFIXES:
        raise ValueError(f"-o expects a file name that ends in .mid; found {path}")
    return path


def _place(output: str | None, n_recordings: int) -> tuple[Path | None, Path | None]:
    """What ``output`` names: a folder, or a file, or neither."""
    if output is None:
        return None, None
    if not output:
        raise ValueError("-o: expected a name; found an empty one")
    path = Path(output)
    if path.is_dir() or output.endswith(("/", os.sep)):
        return path, None
    if path.suffix.lower() in WRITTEN_MIDI_SUFFIXES:
        if n_recordings > 1:
            raise ValueError(
                f"-o {output}: {n_recordings} recordings need a folder, found a MIDI file"
            )
        return None, path
    if path.suffix and n_recordings == 1:
        raise ValueError(
            f"-o {output}: expected a MIDI file, which ends in .mid, or a folder, which ends in /"
        )
    return path, None


def check_distinct(outputs_of: Iterable[tuple[Path, Sequence[Path]]]) -> None:
    """See that no file is written twice or over a source, before there is any work.

    Parameters
    ----------
    outputs_of : iterable of (Path, sequence of Path)
        Each source and what is made of it.

    Raises
    ------
    ValueError
        A source is named twice, two would be written to one file, or one would be overwritten.
    """
    pairs = list(outputs_of)
    sources = {_identity(source): source for source, _ in pairs}
    owners: dict[str, tuple[int, Path]] = {}
    for number, (source, outputs) in enumerate(pairs):
        for output in outputs:
            identity = _identity(output)
            other_number, other = owners.setdefault(identity, (number, source))
            if other_number != number:
                if _identity(other) == _identity(source):
                    raise ValueError(f"{source}: this file is named twice")
                raise ValueError(
                    f"{other} and {source} would both be written to {output}; "
                    "take them one at a time, with -o"
                )
            if identity in sources:
                overwritten = sources[identity]
                why = (
                    MIDI_IS_NO_RECORDING
                    if is_midi(overwritten)
                    else "this recording would be overwritten"
                )
                raise ValueError(f"{overwritten}: {why}")


def _identity(path: Path) -> str:
    """Equal for two ways to write one path."""
    return os.path.normcase(os.path.realpath(path))


def _check_writable(folder: Path) -> None:
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(f"no permission to write to {folder}; choose another folder with -o")
