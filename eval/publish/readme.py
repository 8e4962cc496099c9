"""Write the figures of ``results/`` where people read them: ``python -m eval.publish.readme``.

Between the lines ``<!-- results -->`` and ``<!-- end of results -->`` the README says what
the records say and nothing else, and so does all of ``results/README.md``;
`tests/eval/test_readme.py` fails where they differ.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from eval.accuracy.ablations import table as ablation_table
from eval.accuracy.calibration import calibration_table
from eval.accuracy.damage import comparison_table
from eval.accuracy.deviations import deviations_table
from eval.common.tables import (
    SCALES,
    SHORT_ROWS,
    alignments_table,
    markdown,
    mean_cell,
    noise_table,
)
from eval.data.sets import find_set
from eval.downstream.continuations import copied_table
from eval.downstream.continuations import table as continuations_table
from eval.downstream.corpus import corpus_table
from eval.downstream.generators import table as generators_table
from eval.downstream.tokens import line_and_grid, tokens_table
from eval.performance.runtime import table as runtime_table
from eval.publish.peers import larger_peers, measured, packaged_against_peers, peers_report
from transcribe.evaluation.aggregate import aggregate
from transcribe.evaluation.counts import Scores
from transcribe.evaluation.tables import RATIOS

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
RESULTS = ROOT / "eval" / "results"
REPORT = RESULTS / "README.md"
PEERS = "peers-maps-real-dev"
"""The record of ours and others' systems in one run, if there is one."""
BEGIN, END = "<!-- results -->", "<!-- end of results -->"


def results(
    benchmark: Mapping[str, Any], runtime: Mapping[str, Any], peers: Mapping[str, Any] | None = None
) -> str:
    """The section as Markdown: ours, and beside it the others of a record of several systems."""
    data = benchmark["data"]
    others = [] if peers is None else list(peers["systems"].values())[1:]
    names = [f"transcribe, `{benchmark['system']['name']}`"]
    names += [block["system"]["title"] for block in others]
    summaries = [block["summary"] for block in (benchmark, *others)]
    rows = [
        [
            label,
            *(
                mean_cell(each.get(f"aligned/{name}"), scale, digits, interval=False)
                for each in summaries
            ),
        ]
        for name in (*SHORT_ROWS, "velocity_error")
        for label, scale, digits in [SCALES[name]]
    ]
    longest = runtime["memory"][-1]
    times_real_time = 60 * longest["minutes"] / longest["wall_seconds"]
    return "\n".join(
        [
            markdown(["F1 in %", *names], rows),
            "",
            f"Mean over {data['n_recordings']} recordings ({data['seconds'] / 60:.0f} min) of a "
            "real Disklavier that ours was not trained on, each recording's median onset "
            "deviation taken off; a dash: it writes no pedal.",
            f"One thread of an {runtime['machine']['cpu']}: {longest['minutes']:g} minutes of "
            f"music in {longest['wall_seconds']:.0f} s ({times_real_time:.0f} times real time), "
            f"memory at most {longest['peak_mb']:.0f} MB.",
            "",
            "```",
            benchmark["command"],
            *([] if peers is None else [peers["command"]]),
            "```",
            "",
            "Intervals, all other figures and what training knew of this music are in "
            "[eval/results/README.md](eval/results/README.md).",
        ]
    )


def _known_music(benchmark: Mapping[str, Any]) -> list[str]:
    """What the figures are without the music that training knew, if it knew any."""
    known = find_set(benchmark["data"]["name"]).known_music
    if known is None or benchmark["system"]["name"] not in known.weights:
        return []
    every = benchmark["recordings"]

    def without(works: Sequence[str]) -> list[Mapping[str, Any]]:
        return [each for each in every if not any(f"-{w}_" in each["name"] for w in works)]

    names = [RATIOS[name] for name in SHORT_ROWS]
    rows = []
    for label, chosen in (
        ("all", every),
        (f"without {', '.join(known.same_music)}", without(known.same_music)),
        ("works that training had in no performance", without(known.works)),
    ):
        summary = summary_of(chosen)
        cells = [mean_cell(summary.get(f"aligned/{name}"), 100, 1) for name in SHORT_ROWS]
        rows.append([f"{label}: {len(chosen)}", *cells])
    return [
        f"What training knew of this music: {known.about} F1 in %, aligned, over recordings:",
        markdown(["recordings", *names], rows),
        "The works that training had are not the easier ones, so the difference between the rows "
        "is the music's, and no measure of what knowing it was worth.",
    ]


def summary_of(recordings: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Mean F1 with its interval, by metric, over some of the recordings of a record."""
    scores = [
        {
            name: each["f1"]
            for name, each in recording["scores"].items()
            if isinstance(each, Mapping) and each["n_ref"]
        }
        for recording in recordings
    ]
    found = aggregate([Scores({}, each) for each in scores])
    return {name: each.as_json() for name, each in found.items()}


def noise_sets(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What a record says of recordings without a piano; older ones have one set, not a list."""
    found = record.get("noise", [])
    return [found] if isinstance(found, Mapping) else list(found)


def with_results(readme: str, section: str) -> str:
    """The README's text with the section between its marks."""
    before, found, rest = readme.partition(BEGIN)
    _, closed, after = rest.partition(END)
    if not (found and closed):
        raise ValueError(f"README.md: expected the marks {BEGIN} and {END}; found none")
    return f"{before}{BEGIN}\n{section}\n{END}{after}"


def current() -> str:
    """The section that the records make."""
    return results(_record("maps-real-dev"), _record("runtime"), _peers())


def report() -> str:
    """All tables, from the records beside them."""
    benchmark, calibration = _record("maps-real-dev"), _record("calibration")
    validation, ablations = _record("validation"), _record("ablations")
    before, after = _record("damage-before"), _record("damage")
    peers = _peers()
    sections = [
        "# Results",
        "Written from the records beside this page by `python -m eval.publish.readme`; "
        "`eval/README.md` says how each is made and what the words mean.",
        f"## {benchmark['data']['name']}: a real Disklavier, close microphones",
        f"Weights `{benchmark['system']['name']}`. F1 in %, mean over recordings with the 95 % "
        "interval of a bootstrap over recordings.",
        alignments_table(benchmark["summary"]),
        f"```\n{benchmark['command']}\n```",
        measured(benchmark),
        *_known_music(benchmark),
        "The best, the median and the worst recording:",
        "![piano rolls](pianorolls.png)",
        *([] if peers is None else peers_report(peers)),
        *([] if peers is None else packaged_against_peers(benchmark, peers)),
        *larger_peers(_record("peers-20s")),
        "## Whose are the deviations?",
        "Onsets that ours and transkun 2.0.1 both found, by the velocity that was played: how "
        "widely each spreads around the labels (interquartile range), how far the two spread "
        "around each other, and how many both find more than 20 ms off the label on the same "
        "side. The Disklavier plays soft notes when it can, not when its file says: no system "
        "can be within 20 ms of those labels but by being wrong.",
        deviations_table(_record("deviations")),
        "## MAESTRO validation, rendered on instruments that training never used",
        f"{len(validation['passages'])} passages of 30 s on "
        f"{' and '.join(validation['instruments'])}, without room or noise; thresholds were "
        "chosen on them.",
        alignments_table(validation["summary"]),
        "## Where nobody plays",
        *(noise_table(each) for each in noise_sets(_record("noises"))),
        *(noise_table(each) for each in noise_sets(benchmark)),
        "dog_bark, helicopter and clock_tick were never used in training.",
        "## Does a confidence mean something?",
        f"All notes of {calibration['data']['name']}; of what it calls 0.9, are 90 % right?",
        calibration_table(calibration),
        "![reliability](calibration.png)",
        "## What musicians complain about",
        f"`{before['system']['name']}` before, `{after['system']['name']}` after, on "
        f"{after['data']['name']}; 0 is none, the records say what is counted.",
        comparison_table(before, after),
        "## What each choice is worth",
        ablation_table(ablations),
        *_runtime_report(_record("runtime")),
        *_page_report(_record("page")),
        *_site_report(
            *(_record(name) for name in ("site", "site-threads", "site-agreement", "site-peer"))
        ),
        *_section(
            "tokens", "Do generators' converters read what is written for them?", tokens_table
        ),
        *_section("generators", "Generators' programs on our files, and back", generators_table),
        *_line_and_grid(),
        *_section("corpus", "Does a corpus keep pieces apart?", corpus_table),
        *_continue_report(_record("continue"), _record("continue-copied")),
    ]
    return "\n\n".join(section.strip() for section in sections) + "\n"


def _section(name: str, title: str, table: Callable[[Mapping[str, Any]], str]) -> list[str]:
    """A record's table under its title, if there is such a record."""
    if not (RESULTS / f"{name}.json").is_file():
        return []
    record = _record(name)
    return [
        f"## {title}",
        table(record),
        f"```\n{record['command']}\n```",
        measured(record),
    ]


def _continue_report(record: Mapping[str, Any], copied: Mapping[str, Any]) -> list[str]:
    """What the generators are worth."""
    settings, ranges = record["settings"], record["ranges"]
    lengths = f"{settings['opening']:.0f} s of opening, {settings['following']:.0f} s more"
    low, high = ([2**value for value in each] for each in (ranges["polyphony"], ranges["density"]))
    return [
        "## Music that goes on",
        f"{record['data']}, validation: bits per note over {record['n_notes']} notes; and of "
        f"{record['n_openings']} openings ({lengths}, temperature {settings['temperature']:g}, "
        f"top-p {settings['top_p']:g}) how many continuations stay as near to their opening as "
        "real ones of the train split do: pitch classes at most "
        f"{ranges['pitch_classes'][1]:.2f} away, polyphony {low[0]:.2f} to {low[1]:.2f} times, "
        f"notes a second {high[0]:.2f} to {high[1]:.2f} times the opening's.",
        continuations_table(record),
        "The opening's end again scores high and is no music of its own: the shares show who "
        "strays, not who composes well.",
        f"Of {copied['n_openings']} of these openings, the longest run of notes in what follows "
        "that is in the train split too, in any key:",
        copied_table(copied),
        f"```\n{copied['command']}\n```",
        measured(copied),
    ]


def _line_and_grid() -> list[str]:
    """What the targets on a grid rest on, if it was measured."""
    names = ("melodies", "beats")
    if not all((RESULTS / f"{name}.json").is_file() for name in names):
        return []
    return [line_and_grid(*map(_record, names))]


def _runtime_report(runtime: Mapping[str, Any]) -> list[str]:
    """The runtimes of the network beside each other, and the whole command."""
    return [
        "## How fast, how large",
        f"Weights `{runtime['system']['name']}`; {runtime['machine']['cpu']}, all in one run.",
        runtime_table(runtime),
        f"```\n{runtime['command']}\n```",
        measured(runtime),
    ]


def _page_report(page: Mapping[str, Any]) -> list[str]:
    """How soon and how smoothly the page shows notes."""
    first = page["first_notes"]
    rows = [
        f"| {name} | {each['frames_a_second']:.1f} | {each['longest_frame_ms']:.1f} |"
        for name, each in page["frames"].items()
    ]
    return [
        "## The page",
        f"In {page['browser']}: the first notes of a recording of "
        f"{first['upload_bytes'] / 1e6:.0f} MB stood on the page "
        f"{first['seconds_after_upload']:.1f} s after its upload ended. With synthetic notes:",
        "\n".join(["| | frames a second | longest frame, ms |", "|---|--:|--:|", *rows]),
        f"```\n{page['command']}\n```",
    ]


def _site_report(
    site: Mapping[str, Any],
    threads: Mapping[str, Any],
    agreement: Mapping[str, Any],
    peer: Mapping[str, Any],
) -> list[str]:
    """The site in a browser: how fast, how large, and whether its notes are the command's."""
    long, other = site["long"], peer["basic-pitch"]
    shared = threads["long"]
    agree = agreement["agreement"]
    close, (by_command, by_tab) = agree["onset_f1_at_5_ms"], agree["command_and_tab"]["onset_f1"]
    return [
        "## The site",
        f"In {site['browser']}, {long['minutes']:.0f} minutes of m4a; load of the machine with its "
        f"{site['machine']['cores']} cores: {long['load_average']:.0f}.",
        markdown(["", ""], _site_rows(long, site["weight"])),
        f"With threads on {threads['machine']['cores']} cores, load {shared['load_average']:.0f}: "
        f"{shared['times_real_time']:.1f} times real time, first notes after "
        f"{shared['seconds_to_first_notes']:.1f} s, at most {shared['megabytes_at_most']} MB.",
        f"Of {agree['n_recordings']} recordings of maps-real-dev the tab's onsets agree with the "
        f"command's within 5 ms by F1 {close['mean']:.2f} % (least {close['least']:.2f} %). "
        f"Against the labels, as found, onset F1 is {100 * by_command:.2f} % for the command and "
        f"{100 * by_tab:.2f} % for the tab.",
        f"basic-pitch (npm) in a tab, on {other['minutes']:.0f} minutes, load "
        f"{other['load_average']:.0f}: it {_ending(other)}, and held "
        f"{other['megabytes_at_most']} MB.",
        "\n".join(["```", *(each["command"] for each in (site, threads, agreement, peer)), "```"]),
        measured(site),
    ]


def _ending(run: Mapping[str, Any]) -> str:
    """How the run of another program in a tab ended."""
    if run["error"] or run["has_crashed"]:
        return f"ended after {run['seconds']:.0f} s ({run['error'] or 'the tab crashed'})"
    if run["n_notes"] is None:
        return f"was at {100 * run['share_done']:.0f} % after {run['seconds']:.0f} s"
    return f"was done after {run['seconds']:.0f} s"


def _site_rows(long: Mapping[str, Any], weight: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is told of a long recording, and of a first visit."""
    quarters = ", ".join(map(str, long["megabytes_at_quarters"]))
    tasks, page = long["page_tasks"], long["page_thread_seconds"]
    return [
        ("times real time, one thread", f"{long['times_real_time']:.1f}"),
        ("the same by the workers' processor time", f"{long['times_real_time_of_processor']:.1f}"),
        ("first notes after, s", f"{long['seconds_to_first_notes']:.1f}"),
        ("memory of the tab's process at most, MB", f"{long['megabytes_at_most']}"),
        ("its median in each quarter of the time, MB", quarters),
        (
            "longest task of the page by processor time, ms",
            f"{tasks['longest_of_processor']['processor_ms']:.0f}",
        ),
        (
            "longest by the clock, ms (its processor time)",
            f"{tasks['longest']['ms']:.0f} ({tasks['longest']['processor_ms']:.0f})",
        ),
        ("tasks over 50 ms by processor time", f"{tasks['n_long_of_processor']}"),
        ("over 50 ms by the clock, of all", f"{tasks['n_long']} of {tasks['n_tasks']}"),
        ("the page's thread ran, s", f"{page['running']:.0f}"),
        ("it waited for a processor, s", f"{page['waiting_for_a_processor']:.0f}"),
        ("frames a second while scrolled", f"{long['frames_a_second']:.0f}"),
        ("a first visit fetches, MB", f"{weight['n_bytes'] / 1e6:.1f}"),
        ("the page can be used after, ms", f"{weight['milliseconds_to_usable']}"),
    ]


def _peers() -> dict[str, Any] | None:
    return _record(PEERS) if (RESULTS / f"{PEERS}.json").is_file() else None


def _record(name: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text("utf-8"))
    return record


def main(arguments: Sequence[str] | None = None) -> int:
    """Rewrite both pages."""
    argparse.ArgumentParser("python -m eval.publish.readme", description=__doc__).parse_args(
        arguments
    )
    README.write_text(with_results(README.read_text("utf-8"), current()), "utf-8")
    REPORT.write_text(report(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
