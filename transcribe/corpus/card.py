"""The description of a corpus: ``statistics.json``, and a data card, ``README.md``.

The card's front matter is what the ``datasets`` library reads. Between two marks the card
is written anew by every run; what stands outside of them, the licence above all, is the
user's and is kept.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from transcribe.corpus.config import CorpusConfig
from transcribe.corpus.corpus import Corpus
from transcribe.corpus.entries import FILE_NAME, STATUSES, USED
from transcribe.corpus.fingerprint import SAME_PERFORMANCE, SAME_PIECE
from transcribe.files.atomic import write_atomically
from transcribe.version import __version__
from transcribe.wording import clock, count

BEGIN, END = "<!-- written by transcribe corpus -->", "<!-- end of what transcribe wrote -->"
_LARGE_PIECE = 0.25
"""Share of the recordings in one piece above which the card warns."""

_TEMPLATE = """\
# {title}

FILL IN: what this is, who played, who recorded, who may be asked.

## Licence

FILL IN: under which licence the performances and compositions may be used, and the
transcriptions of them. The weights that came with `transcribe` are CC BY-NC-SA 4.0. Replace
`license: other` at the top of this file by the licence's identifier.
"""


def write_card(corpus: Corpus, config: CorpusConfig, *, command: str = "") -> None:
    """Write ``statistics.json`` and ``README.md`` into the corpus's folder."""
    values = statistics(corpus, config, command=command)
    text = json.dumps(values, ensure_ascii=False, indent=1) + "\n"
    write_atomically(corpus.folder / "statistics.json", text)
    path = corpus.folder / "README.md"
    earlier = path.read_text("utf-8") if path.is_file() else ""
    section = f"{BEGIN}\n{_section(corpus, config, values)}\n{END}\n"
    card = _merged(earlier, section, _front_matter(corpus), corpus.folder.resolve().name)
    write_atomically(path, card)


def statistics(corpus: Corpus, config: CorpusConfig, *, command: str = "") -> dict[str, Any]:
    """Everything there is to count, as plain data."""
    entries = corpus.entries
    by_status = {
        status: {
            "recordings": sum(entry.status == status for entry in entries),
            "notes": sum(entry.reading.n_notes for entry in entries if entry.status == status),
            "seconds": round(
                sum(entry.reading.seconds for entry in entries if entry.status == status), 3
            ),
        }
        for status in STATUSES
    }
    used = [entry for entry in entries if entry.status == USED]
    models = Counter((entry.reading.model, entry.reading.weights_sha256) for entry in used)
    return {
        "transcribe": __version__,
        "command": command,
        "settings": config.as_json(),
        "recordings": by_status,
        "cut_out": {
            "doubtful_notes": sum(entry.reading.cut.n_doubtful for entry in used),
            "short_notes": sum(entry.reading.cut.n_short for entry in used),
        },
        "with_confidences": sum(entry.reading.has_confidences for entry in used),
        "models": [
            {"model": model or None, "weights_sha256": sha256 or None, "recordings": n}
            for (model, sha256), n in sorted(models.items())
        ],
        "splits": {
            split: {"recordings": corpus.n_recordings(split), "pieces": corpus.n_pieces(split)}
            | counts.as_json()
            for split, counts in corpus.counts.items()
        },
        "shards": [
            {
                "file": shard.path.relative_to(corpus.folder).as_posix(),
                "sha256": shard.sha256,
                "bytes": shard.n_bytes,
                "records": shard.counts.n_records,
            }
            for shard in corpus.shards
        ],
    }


def remarks(corpus: Corpus) -> list[str]:
    """What the user should know before training on it."""
    found = [f"{name}: {why}; its music is missing" for name, why in corpus.unreadable.items()]
    unmatched = corpus.assigned.unmatched
    if unmatched:
        found.append(
            f"{count(len(unmatched), 'name')} of the given splits, such as {unmatched[0]}, "
            f"matched no transcription; {len(corpus.assigned.splits)} did"
        )
    for split in ("train", "validation", "test"):
        if split not in corpus.counts:
            found.append(f"no piece came into the {split} split")
    used = [entry for entry in corpus.entries if entry.status == USED]
    largest = Counter(entry.piece for entry in used).most_common(1)
    if largest and len(used) >= 20 and largest[0][1] > _LARGE_PIECE * len(used):
        piece, n = largest[0]
        found.append(
            f"{n} of {count(len(used), 'recording')} share music and count as one piece "
            f"({piece}): see whether they do"
        )
    n_failures = sum(len(counts.failures) for counts in corpus.counts.values())
    if n_failures:
        found.append(f"{count(n_failures, 'passage')} could not be encoded; see statistics.json")
    return found


def _front_matter(corpus: Corpus) -> str:
    """The ``configs`` that show ``datasets`` where the splits are."""
    suffix = "".join(corpus.shards[0].path.suffixes) if corpus.shards else ".jsonl.gz"
    lines = ["configs:", "- config_name: default", "  data_files:"]
    for split in corpus.counts:
        lines += [f"  - split: {split}", f"    path: data/{split}-*{suffix}"]
    return "\n".join(lines if corpus.counts else ["configs: []"])


def _merged(earlier: str, section: str, configs: str, title: str) -> str:
    """The card, with what the user wrote in an earlier one."""
    before, found, rest = earlier.partition(BEGIN)
    _, closed, after = rest.partition(END)
    if not (found and closed):
        front = f"---\nlicense: other\n{configs}\n---\n\n"
        return front + _TEMPLATE.format(title=title) + "\n" + section
    ours = re.compile(r"^configs:.*\n(?:(?: |- ).*\n)*", flags=re.MULTILINE)
    return ours.sub(f"{configs}\n", before, count=1) + section + after.removeprefix("\n")


def _section(corpus: Corpus, config: CorpusConfig, values: dict[str, Any]) -> str:
    environment = Environment(
        loader=PackageLoader("transcribe.corpus"),
        autoescape=False,  # the card is Markdown
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    environment.filters |= {
        "clock": clock,
        "count": count,
        "hours": lambda seconds: f"{seconds / 3600:.2f}",
    }
    return environment.get_template("card.md").render(
        values,
        config=config,
        remarks=remarks(corpus),
        statuses=STATUSES,
        file_name=FILE_NAME,
        same_piece=SAME_PIECE,
        same_performance=SAME_PERFORMANCE,
    )
