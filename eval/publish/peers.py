"""What the results say of others' systems: accuracy, mistakes and speed beside ours."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from eval.common.paired import differences
from eval.common.tables import differences_table, mistakes_table, systems_table


def _our_weights(peers: Mapping[str, Any]) -> str:
    """Which weights of ours a record of several systems is about."""
    names = [block["system"]["name"] for block in peers["systems"].values()][:1]
    return f"weights `{names[0]}`"


def peers_report(peers: Mapping[str, Any]) -> list[str]:
    """All that the record of several systems says, section by section."""
    conventions = [
        f"- **{block['system']['title']}** (`{block['system']['name']}`): "
        f"{block['system']['conventions']} {block['speed']['n_failed']} clips failed."
        for block in peers["systems"].values()
    ]
    workers = "one process at a time" if peers["workers"] == 1 else f"{peers['workers']} processes"
    speeds = [block["speed"] for block in peers["systems"].values()]
    waited = any(
        each.get("real_time_factor", 0) > 1.2 * each.get("cpu_real_time_factor", math.inf)
        for each in speeds
    )
    load = "Other work made them wait: compare their processor times." if waited else ""
    return [
        f"## Ours and others on {peers['data']['name']}, in one run",
        f"Ours with {_our_weights(peers)}. {peers['data']['n_recordings']} recordings, "
        f"{peers['data']['seconds'] / 60:.0f} min; {peers['machine']['cpu']}, {workers}; F1 in %, "
        "mean over recordings with the 95 % interval of a bootstrap over recordings. Never "
        f"compare an aligned figure with one as found. {load}".rstrip(),
        systems_table(peers, "aligned"),
        systems_table(peers, "as_found"),
        "The difference, recording by recording; where the interval holds 0, neither is better "
        "for certain:",
        differences_table(peers),
        "Mistakes by kind, and what was played; `transcribe/evaluation/error_types.py` defines "
        "each. Times aligned; notes of all recordings together:",
        mistakes_table(list(peers["systems"].values())),
        "\n".join(conventions),
        f"```\n{peers['command']}\n```",
        measured(peers),
    ]


def larger_peers(record: Mapping[str, Any]) -> list[str]:
    """Accuracy and speed of a run with systems that are too slow for whole recordings."""
    data = record["data"]
    return [
        f"## The same, with larger networks: the first {data['max_seconds_each']:g} s of each",
        f"Ours with {_our_weights(record)}, all in one run on one core of an "
        f"{record['machine']['cpu']}; {data['seconds'] / 60:.0f} min, aligned. Other work made "
        "them wait at times: compare their processor times.",
        systems_table(record, "aligned"),
        differences_table(record),
        f"```\n{record['command']}\n```",
        measured(record),
    ]


def measured(record: Mapping[str, Any]) -> str:
    """When and with which code; a record whose code no commit has is marked as a draft."""
    commit = record["commit"] or "unknown"
    draft = ", with changes that no commit has: a draft" if commit.endswith("-dirty") else ""
    return f"Measured at commit {commit[:12]}, {record['date']}{draft}."


def packaged_against_peers(benchmark: Mapping[str, Any], peers: Mapping[str, Any]) -> list[str]:
    """The weights of one record beside what an earlier one says of others' systems.

    Nothing if that record is about the same weights, or says nothing of single recordings.
    """
    ours, *others = peers["systems"].values()
    if ours["system"]["name"] == benchmark["system"]["name"] or "recordings" not in ours:
        return []
    rows = {
        "systems": {each["system"]["name"]: each for each in others},
        "differences": {
            each["system"]["name"]: differences(benchmark["recordings"], each["recordings"])
            for each in others
        },
    }
    return [
        f"The packaged weights, `{benchmark['system']['name']}`, minus what that record says of "
        "the others, recording by recording; accuracy alone, as speeds compare in one run only:",
        differences_table(rows),
    ]
