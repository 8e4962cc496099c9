"""``transcribe live``: notes while they are played."""

from __future__ import annotations

import argparse
import math
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transcribe.live.midi_port import DEFAULT_PORT, MidiPort, midi_ports
from transcribe.notes import STANDARD_A4, pitch_name
from transcribe.options import (
    DONE,
    FAILED,
    Subparsers,
    UsageError,
    add_checkpoint,
    add_command,
    add_output,
    add_overwrite,
    add_quiet,
    add_threads,
    add_verbose,
    concert_pitch,
    file_name,
    positive_seconds,
    probability,
    usage_errors,
)
from transcribe.outputs import WRITTEN_MIDI_SUFFIXES, check_output
from transcribe.terminal import say, show
from transcribe.wording import clock, count

if TYPE_CHECKING:
    from transcribe.live.events import LiveEvent
    from transcribe.live.live_transcriber import LiveTranscriber
    from transcribe.live.session import LiveFigures, LiveOutput
    from transcribe.live.sources import Source
    from transcribe.transcriber import Transcriber

_EXAMPLES = """\
examples:
  transcribe live -o take.mid              from the microphone, until Ctrl-C
  transcribe live --port                   into a MIDI port that other programs can choose
  transcribe live --latency 300 --microphone scarlett
  transcribe live song.mp3 -o live.mid     a recording, as if it were played now"""
_QUIET_DB, _LOUD_DB = -50, -1
_SECONDS_BETWEEN_LINES = 0.2
_SILENT_SECONDS = 3.0
"""A microphone that gives nothing but zeros for so long is muted, or kept from this program."""


def add_parser(subparsers: Subparsers) -> None:
    """The options of ``transcribe live``."""
    parser = add_command(
        subparsers,
        "live",
        run,
        description="Transcribe a piano while it is played: notes to the terminal, to other\n"
        "programs through a MIDI port, and to a MIDI file. Stop it with Ctrl-C.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "recording",
        metavar="RECORDING",
        nargs="?",
        type=file_name,
        help="a recording to play as if it came from the microphone (default: the microphone)",
    )
    group = parser.add_argument_group("sound")
    group.add_argument(
        "--microphone", metavar="NAME", help="part of the name of the device to listen to"
    )
    group.add_argument(
        "--microphones", action="store_true", help="list the devices that can be listened to"
    )
    group.add_argument(
        "--seconds", metavar="N", type=positive_seconds, help="stop by itself after so much sound"
    )
    group.add_argument(
        "--fast", action="store_true", help="take a recording as fast as it goes, not as it sounds"
    )
    group = parser.add_argument_group("output")
    add_output(group, "FILE", help="MIDI file to write when it stops (.mid)")
    add_overwrite(group, what="the file if it already exists")
    group.add_argument(
        "--port",
        metavar="NAME",
        nargs="?",
        const=DEFAULT_PORT,
        help="send notes and pedal to the open MIDI port whose name has NAME in it, or make one of "
        f"that name for other programs to choose (default NAME: {DEFAULT_PORT})",
    )
    group.add_argument("--ports", action="store_true", help="list the open MIDI ports")
    group = parser.add_argument_group("transcription")
    group.add_argument(
        "--latency",
        metavar="MS",
        type=_latency,
        help="milliseconds from a stroke to its note, 150 to 500; more time finds more notes "
        "(default: 200)",
    )
    group.add_argument(
        "--onset-threshold",
        metavar="P",
        type=probability,
        help="minimum probability of a note onset (default: suited to the latency)",
    )
    group.add_argument(
        "--a4",
        metavar="HZ",
        type=concert_pitch,
        default=STANDARD_A4,
        help=f"tuning of the A above middle C (default: {STANDARD_A4:g})",
    )
    add_checkpoint(group)
    group = parser.add_argument_group("run")
    add_threads(group, help="CPU threads to use (default: 1)")
    add_quiet(group)
    add_verbose(group)


def run(options: argparse.Namespace) -> int:
    """List what there is, or transcribe until the sound ends or Ctrl-C."""
    if options.microphones or options.ports:
        return _list(options)
    if options.recording is None and options.fast:
        raise UsageError("--fast is for a recording; a microphone gives its sound as it comes")
    if options.recording is not None and options.microphone is not None:
        raise UsageError("name a recording or a microphone, not both")
    _check_output(options)
    from transcribe.live.latency import DEFAULT_LATENCY
    from transcribe.live.live_transcriber import LiveTranscriber
    from transcribe.live.session import play
    from transcribe.transcriber import Transcriber

    with usage_errors():
        transcriber = Transcriber.load(
            options.checkpoint, device="cpu", a4=options.a4, threads=options.threads or 1
        )
        live = LiveTranscriber(
            transcriber,
            latency=DEFAULT_LATENCY if options.latency is None else options.latency,
            onset_threshold=options.onset_threshold,
        )
    source = _source(options, transcriber)
    port = None if options.port is None else MidiPort(options.port)
    display = _Display(quiet=options.quiet)
    outputs: list[LiveOutput] = [display] if port is None else [port, display]
    if not options.quiet:
        _announce(source, live, port)
    _warm_up(transcriber, live)
    figures: LiveFigures | None = None
    try:
        with _stopped_by_signals(source):
            figures = play(
                source,
                live,
                outputs,
                progress=display.show_level,
                longest=options.seconds or math.inf,
            )
    finally:
        display.clear()
        if port is not None:
            port.close()
        live.finish()
        if options.output is not None:
            _write(options.output, live, transcriber)
    _conclude(figures, live, options, is_file=options.recording is not None)
    return DONE


def _list(options: argparse.Namespace) -> int:
    from transcribe.live.microphone import microphones

    code = DONE
    for wanted, find, none in (
        (options.microphones, microphones, "no input for sound"),
        (options.ports, midi_ports, "no open MIDI port; --port makes one"),
    ):
        if wanted:
            names = find()
            for name in names:
                say(name, sys.stdout)
            if not names:
                say(f"transcribe live: {none}", sys.stderr)
                code = FAILED
    return code


def _check_output(options: argparse.Namespace) -> None:
    output: Path | None = options.output
    if output is None:
        return
    if output.suffix.lower() not in WRITTEN_MIDI_SUFFIXES:
        raise UsageError(f"-o expects a file name that ends in .mid; found {output}")
    sources = [] if options.recording is None else [options.recording]
    with usage_errors():
        check_output(output, sources, overwrite=options.overwrite)


def _source(options: argparse.Namespace, transcriber: Transcriber) -> Source:
    if options.recording is None:
        from transcribe.live.microphone import Microphone

        return Microphone(options.microphone, transcriber.grid.sample_rate)
    from transcribe.live.sources import FileSource

    speed = math.inf if options.fast else 1.0
    return FileSource(options.recording, transcriber, speed=speed)


def _announce(source: Source, live: LiveTranscriber, port: MidiPort | None) -> None:
    say(f"listening to {source.name}; Ctrl-C stops", sys.stderr)
    wait = round(1000 * live.wait)
    say(
        f"a note is decided {wait} ms after its stroke, and sent once it is computed; the delay is "
        "measured and said at the end",
        sys.stderr,
    )
    if port is not None:
        what = "made the MIDI port" if port.is_virtual else "sending to the MIDI port"
        say(f"{what} {port.name!r}", sys.stderr)


def _warm_up(transcriber: Transcriber, live: LiveTranscriber) -> None:
    """The first run of a network takes longer than the others."""
    import numpy as np

    from transcribe.live.latency import window_frames

    config = transcriber.checkpoint.features
    shape = (window_frames(live.grid), config.n_channels, config.n_bins)
    transcriber.checkpoint.model.activations(np.zeros(shape, np.float32))


@contextmanager
def _stopped_by_signals(source: Source) -> Iterator[None]:
    """Ctrl-C, or an end that the system asks for, ends the sound; a second one ends at once."""
    before: dict[int, Any] = {}

    def stop(number: int, _: object) -> None:
        source.stop()
        signal.signal(number, before[number])

    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, stop)
    except ValueError:  # not in the main thread, which alone gets signals
        before.clear()
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _write(path: Path, live: LiveTranscriber, transcriber: Transcriber) -> None:
    from transcribe.midi import write_midi

    write_midi(live.performance, path, text=f"transcribed live by {transcriber.name}")


def _conclude(
    figures: LiveFigures, live: LiveTranscriber, options: argparse.Namespace, *, is_file: bool
) -> None:
    """What came of it; what went wrong also if nothing else is to be said."""
    if figures.n_overruns:
        say(
            f"transcribe live: warning: sound was lost {count(figures.n_overruns, 'time')}, "
            f"{1000 * figures.seconds_lost:.0f} ms in all, because this computer did not fetch it "
            "in time; notes may be missing there",
            sys.stderr,
        )
    if figures.n_late and not options.fast:
        say(
            f"transcribe live: warning: this computer fell behind {count(figures.n_late, 'time')}, "
            f"by {1000 * figures.longest_wait:.0f} ms at most; notes came later then, and none was "
            "lost. Close other programs",
            sys.stderr,
        )
    if not is_file and figures.peak_ever == 0 and figures.seconds > _SILENT_SECONDS:
        say(
            "transcribe live: warning: the microphone gave nothing but silence; it may be muted, "
            "or this program may not use it (on macOS: System Settings, Privacy & Security, "
            "Microphone)",
            sys.stderr,
        )
    if options.quiet:
        return
    pedal = count(len(live.performance.pedal), "pedal press", "pedal presses")
    parts = [f"{count(figures.n_notes, 'note')} and {pedal} in {clock(figures.seconds)}"]
    if figures.delays and not options.fast:
        half, most = (1000 * figures.delay(share) for share in (0.5, 0.99))
        parts.append(f"sent {half:.0f} ms after their strokes, 99 % within {most:.0f} ms")
    parts.append(f"{100 * figures.load:.0f} % of one core")
    where = "" if options.output is None else f"{options.output}: "
    say(where + "; ".join(parts), sys.stdout)


class _Display:
    """Notes, a line each, on standard output; the level below them where a person looks."""

    def __init__(self, *, quiet: bool) -> None:
        self._prints = not quiet
        self._shows_level = not quiet and sys.stderr.isatty()
        self._shown = 0.0
        self._peak = 0.0
        self._width = 0

    def take(self, events: Sequence[LiveEvent]) -> None:
        """Print the strokes and the pedal's moves; releases would fill the screen."""
        if not self._prints:
            return
        from transcribe.live.events import KeyDown, PedalMove

        lines = []
        for event in events:
            if isinstance(event, KeyDown):
                lines.append(
                    f"{_tenths(event.time)}  {pitch_name(event.pitch):3}  velocity {event.velocity}"
                )
            elif isinstance(event, PedalMove):
                lines.append(f"{_tenths(event.time)}  pedal {'down' if event.down else 'up'}")
        if lines:
            self.clear()
            show("".join(line + "\n" for line in lines), sys.stdout)

    def show_level(self, figures: LiveFigures) -> None:
        """A line that moves: how loud it is, and what the session has come to."""
        if not self._shows_level:
            return
        self._peak = max(self._peak, figures.peak)
        now = time.monotonic()
        if now - self._shown < _SECONDS_BETWEEN_LINES:
            return
        self._shown = now
        line = (
            f"{clock(figures.seconds)}  {level_bar(self._peak)}  {count(figures.n_notes, 'note')}"
        )
        if figures.delays:
            line += f", {1000 * figures.delay(0.5):.0f} ms after the stroke"
        if figures.n_overruns:
            line += f", sound lost {count(figures.n_overruns, 'time')}"
        self._peak = 0.0
        self.clear()
        self._width = len(line)
        show(line, sys.stderr)

    def clear(self) -> None:
        """Take the level's line away."""
        if self._width:
            show("\r" + " " * self._width + "\r", sys.stderr)
            self._width = 0


def level_bar(peak: float, width: int = 20) -> str:
    """How loud the loudest sample (0 to 1) is, drawn from -60 dB to full scale, with advice."""
    db = 20 * math.log10(max(peak, 1e-6))
    filled = round(min(max((db + 60) / 60, 0.0), 1.0) * width)
    advice = " too loud" if db > _LOUD_DB else " almost silent" if db < _QUIET_DB else ""
    return "[" + "#" * filled + "-" * (width - filled) + "]" + advice


def _tenths(seconds: float) -> str:
    """``4:05.3``."""
    minutes, rest = divmod(round(seconds * 10), 600)
    return f"{minutes}:{rest / 10:04.1f}"


def _latency(text: str) -> float:
    """Seconds, from milliseconds that may be asked for."""
    from transcribe.live.latency import LATENCIES

    lowest, highest = (1000 * each for each in LATENCIES)
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not lowest <= value <= highest:
        raise argparse.ArgumentTypeError(f"expected {lowest:g} to {highest:g} ms; found {text!r}")
    return value / 1000
