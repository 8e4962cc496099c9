"""Music that is tested on is found in what is trained on by what is played, not by its name."""

from __future__ import annotations

import csv
import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from tests.corpus.test_corpus_fingerprint import piece, played
from tests.datasets.test_datasets import write_piece
from transcribe.datasets import load_dataset
from transcribe.datasets.index import COLUMNS
from transcribe.errors import DatasetError, SettingsError
from transcribe.features import FeatureConfig
from transcribe.midi import write_midi
from transcribe.notes import Note, Performance, without_overlaps
from transcribe.train.augment.config import AugmentConfig
from transcribe.train.data import DataConfig
from transcribe.train.event_windows import EventDataConfig, EventSourceConfig
from transcribe.train.held_out import HeldOutConfig
from transcribe.train.sources import SourceConfig, TrainingSource
from transcribe.train.training_windows import TrainingWindows

N_CHORDS = 120


def music(*seeds: int) -> list[Note]:
    """Pieces one after another, as on a roll or in a recital."""
    notes: list[Note] = []
    for seed in seeds:
        start = notes[-1].offset + 2 if notes else 0.0
        notes += [
            replace(n, onset=n.onset + start, offset=n.offset + start)
            for n in piece(seed, N_CHORDS)
        ]
    return notes


def write_set(folder: Path, **performances: tuple[str, list[Note]]) -> Path:
    """An index with a split and notes for each name."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "index.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for name, (split, notes) in performances.items():
            performance = Performance(without_overlaps(notes))
            write_midi(performance, folder / f"{name}.mid")
            table.writerow(["", name, split, "", f"{name}.mid", "", performance.duration])
    return folder / "index.csv"


def names(sources: list[TrainingSource]) -> list[str]:
    return [each.title for source in sources for each in source.recordings]


@pytest.fixture
def rolls(tmp_path: Path) -> Path:
    """The second piece stands in another's hands, a third higher, in the midst of a recital."""
    return write_set(
        tmp_path / "rolls",
        bb988jx6754=("train", music(1)),
        zb497jz4405=("train", played(music(3, 2, 4), 7, by=4, stretch=1.2, missed=0.05)),
        ds710xd1794=("train", music(5)),
    )


@pytest.fixture
def tests(tmp_path: Path) -> Path:
    """The second piece, and as training another that is no reason to leave anything out."""
    return write_set(tmp_path / "tests", etude=("test", music(2)), other=("train", music(5)))


def load(sources: dict[str, Path], tests: Path | None, cache: Path, **more: bool):
    config = DataConfig(
        sources={name: SourceConfig(index=str(path)) for name, path in sources.items()},
        held_out={} if tests is None else {"tests": HeldOutConfig(index=str(tests))},
        cache=str(cache),
        **more,
    )
    return config.load_sources()


def test_a_test_piece_is_found_in_a_recital_in_another_key_and_said(rolls, tests, tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        sources, left_out = load({"piano_rolls": rolls}, tests, tmp_path / "cache")
    assert names(sources) == ["bb988jx6754", "ds710xd1794"]
    (found,) = left_out
    assert (found.source, found.recording.title) == ("piano_rolls", "zb497jz4405")
    assert (found.tested.title, found.likeness.transposition) == ("etude", -4)
    assert "data.sources.piano_rolls: 1 of 3 recordings are music that is tested on" in caplog.text
    assert "'zb497jz4405' (zb497jz4405) is etude" in caplog.text


def test_the_test_split_of_one_source_is_held_out_of_all(rolls, tmp_path):
    own = write_set(tmp_path / "own", here=("train", music(6)), there=("test", music(1)))
    again = tmp_path / "cache"
    sources, left_out = load({"own": own, "rolls": rolls}, None, again)
    assert names(sources) == ["here", "zb497jz4405", "ds710xd1794"]
    assert [each.source for each in left_out] == ["rolls"]
    assert load({"own": own, "rolls": rolls}, None, again)[1] == left_out


def test_who_wants_test_music_says_so(rolls, tests, tmp_path):
    sources, left_out = load({"r": rolls}, tests, tmp_path, leave_out_test_music=False)
    assert (len(names(sources)), left_out) == (3, [])


def test_nothing_left_is_an_error_that_says_what_to_do(tests, tmp_path):
    same = write_set(tmp_path / "same", again=("train", music(2)))
    with pytest.raises(DatasetError, match=r"'again' .*is etude.*leave_out_test_music=false"):
        load({"same": same}, tests, tmp_path / "cache")


def test_landmarks_are_kept_until_the_file_changes(rolls, tests, tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    before = load({"rolls": rolls}, tests, cache)[1]
    with monkeypatch.context() as patch:
        patch.setattr("transcribe.train.held_out.find_landmarks", None)
        assert load({"rolls": rolls}, tests, cache)[1] == before
    write_midi(Performance(music(2)), rolls.parent / "ds710xd1794.mid")
    after = load({"rolls": rolls}, tests, cache)[1]
    assert [each.recording.title for each in after] == ["zb497jz4405", "ds710xd1794"]


def test_windows_are_drawn_from_what_is_left(rolls, tests, tmp_path):
    config = DataConfig(
        sources={"rolls": SourceConfig(index=str(rolls))},
        held_out={"tests": HeldOutConfig(index=str(tests))},
        instruments=str(tmp_path),
        instrument_weights={"none": 1.0},
        n_synthetic_noises=0,
        cache=str(tmp_path / "cache"),
    )

    windows = TrainingWindows(config, AugmentConfig.nothing(), FeatureConfig(), seed=0)
    assert names(windows.sources) == ["bb988jx6754", "ds710xd1794"]


def test_the_generator_does_not_learn_it_either(rolls, tests, tmp_path):
    config = EventDataConfig(
        sources={"rolls": EventSourceConfig(index=str(rolls))},
        held_out={"tests": HeldOutConfig(index=str(tests))},
        cache=str(tmp_path / "cache"),
    )
    sources, left_out = config.load_sources()
    assert [each.recording.title for each in left_out] == ["zb497jz4405"]
    assert [len(source) for source in sources] == [2]


def test_maps_calls_one_study_by_two_names(tmp_path):
    """As the real MAPS does; that of the software piano is the Disklavier's all the same."""
    for title, instrument, seed in (
        ("chpn-e01", "ENSTDkCl", 2),
        ("chpn_op10_e01", "SptkBGCl", 2),
        ("alb_se3", "SptkBGCl", 1),
    ):
        path = write_piece(tmp_path / "MAPS", title, instrument)
        write_midi(Performance(music(seed)), path.with_suffix(".mid"))
        lines = [f"{n.onset:.5f}\t{n.offset:.5f}\t{n.pitch}" for n in sorted(music(seed))]
        path.with_suffix(".txt").write_text("\n".join(lines) + "\n")
    assert len(load_dataset(tmp_path / "MAPS", split="train")) == 2
    sources, left_out = load({"maps": tmp_path / "MAPS"}, None, tmp_path / "cache")
    assert names(sources) == ["alb_se3"]
    assert [each.tested.title for each in left_out] == ["chpn-e01"]


class TestWhatIsMissing:
    """Errors name what a MAESTRO folder lacks, not what another data set would need."""

    ROW = ("Liszt", "Waltz", "train", 2018, "2018/a.midi", "2018/a.wav", 12.0)

    def maestro(self, folder: Path) -> Path:
        (folder / "2018").mkdir(parents=True)
        write_midi(Performance(music(1)), folder / "2018" / "a.midi")
        (folder / "maestro-v3.0.0.csv").write_text(
            ",".join(COLUMNS) + "\n" + ",".join(map(str, self.ROW)) + "\n"
        )
        return folder

    def test_audio_that_the_index_names(self, tmp_path):
        folder = self.maestro(tmp_path / "maestro")
        with pytest.raises(DatasetError, match=r"1 of 1 audio files .*2018/a\.wav.*audio=false"):
            load({"maestro": folder}, None, tmp_path / "cache")
        rendered = {"maestro": SourceConfig(index=str(folder), audio=False)}
        config = DataConfig(sources=rendered, cache=str(tmp_path / "cache"))
        assert names(config.load_sources()[0]) == ["Waltz"]

    def test_instruments_are_asked_for_where_music_has_no_audio(self, rolls, tmp_path):
        config = DataConfig(
            sources={"rolls": SourceConfig(index=str(rolls))}, cache=str(tmp_path / "cache")
        )

        with pytest.raises(SettingsError, match=r"no audio.*data\.instrument_weights"):
            TrainingWindows(config, AugmentConfig.nothing(), FeatureConfig(), seed=0)

    @pytest.mark.parametrize("version", ["v2.0.0", "v3.0.0"])
    def test_maestro_with_its_json_alone_is_maestro(self, tmp_path, version):
        """A list of rows in version 2, columns in version 3."""
        folder = self.maestro(tmp_path / "maestro")
        expected = load_dataset(folder)
        (folder / "maestro-v3.0.0.csv").unlink()
        row = dict(zip(COLUMNS, self.ROW, strict=True))
        content = {name: {"7": value} for name, value in row.items()}
        said = [row] if version == "v2.0.0" else content
        (folder / f"maestro-{version}.json").write_text(json.dumps(said))
        assert load_dataset(folder) == expected

    @pytest.mark.parametrize("content", ["[1]", "{", '{"split": {"0": "train"}}', "[{}]", "7"])
    def test_a_json_that_is_no_index_is_told(self, tmp_path, content):
        (tmp_path / "maestro-v3.0.0.json").write_text(content)
        with pytest.raises(DatasetError, match=r"maestro-v3\.0\.0\.json: expected"):
            load_dataset(tmp_path)

    def test_a_folder_of_nothing_known(self, tmp_path):
        (tmp_path / "2018").mkdir()
        with pytest.raises(DatasetError, match=r"maestro-v\*\.csv or .*MAPS_MUS.*Found 2018"):
            load_dataset(tmp_path)
