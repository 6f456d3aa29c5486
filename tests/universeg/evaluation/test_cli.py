"""The command universeg-evaluate: its files, its tables and its messages."""

import csv
import json
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from universeg.evaluation.cli import evaluate, main
from universeg.evaluation.report import write_report
from universeg.evaluation.tables import headline, markdown, notes
from universeg.store import Record, pack, write_store

FILES = ["results.csv", "summary.csv", "summary.json", "summary.md", "pictures.png", "boxes.png"]


def run(weights, store, out, *extra):
    """What the command prints."""
    given = ["-w", str(weights), "--stores", str(store), "-o", str(out), "--support-size", "3", "--ensemble", "2"]
    shown = StringIO()
    with redirect_stdout(shown):
        main([*given, "--bootstraps", "20", "--device", "cpu", *extra])
    return shown.getvalue()


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def finished(stores_folder, weights, tmp_path_factory):
    """A run of the command with one configuration: its output folder, what it printed, and the bytes of its files."""
    out = tmp_path_factory.mktemp("evaluation") / "out"
    shown = run(weights, stores_folder, out)
    return SimpleNamespace(out=out, shown=shown, files={name: (out / name).read_bytes() for name in FILES})


def test_the_tables_of_one_configuration_agree(finished):
    assert "support size N = 3, ensemble size K = 2" in finished.shown
    assert "Kept/g/m/0" in finished.shown
    scores = table(finished.out / "results.csv")
    assert list(scores[0]) == [
        *("weights", "support_size", "ensemble"), *("dataset", "group", "modality", "label", "axis", "query", "dice")
    ]  # fmt: skip
    assert len(scores) == 8
    assert scores[0]["query"] == "s8@0"
    summary = json.loads(finished.files["summary.json"])
    (configuration,) = summary["configurations"]
    mean = configuration["all"]["dice"]
    assert mean == pytest.approx(np.mean([float(row["dice"]) for row in scores]), abs=1e-3)
    assert (configuration["support_size"], configuration["ensemble"]) == (3, 2)
    assert summary["roles"] == {"Kept": "held-out"}
    assert summary["queries"] == 8
    assert f"| **all datasets** | 2 | 8 | {mean:.1f} ± " in finished.files["summary.md"].decode()
    (everything,) = [row for row in table(finished.out / "summary.csv") if row["level"] == "all"]
    assert float(everything["dice"]) == pytest.approx(mean, abs=1e-3)
    assert float(everything["standard_deviation"]) == pytest.approx(
        configuration["all"]["standard_deviation"], abs=1e-3
    )


def test_the_pictures_of_one_configuration_are_written(finished):
    for name in ("pictures.png", "boxes.png"):
        with Image.open(finished.out / name) as picture:
            assert picture.width > 300
    assert not (finished.out / "support_size.png").exists()


def test_the_same_call_gives_the_same_bytes(finished, stores_folder, weights):
    (finished.out / "scores.jsonl").unlink()
    run(weights, stores_folder, finished.out)
    assert {name: (finished.out / name).read_bytes() for name in FILES} == finished.files


@pytest.mark.slow
def test_several_configurations_are_compared_in_one_table(stores_folder, weights, tmp_path):
    shown = run(weights, stores_folder, tmp_path, "-w", str(weights), "mean-mask", "--support-size", "1", "4",
                "--ensemble", "1", "3", "--pictures", "0", "-q")  # fmt: skip
    assert not shown
    rows = (tmp_path / "summary.md").read_text().splitlines()
    compared = next(place for place, row in enumerate(rows) if row.startswith("Compared with"))
    for part, count in ((rows[:compared], 8), (rows[compared:], 7)):  # the second table compares with the first row
        assert sum("N = " in row and row.startswith("| ") for row in part) == count
    assert any(row.startswith("| mean-mask, N = 4, K = 3 |") for row in rows)
    assert len(table(tmp_path / "results.csv")) == 2 * 2 * 2 * 8
    with Image.open(tmp_path / "support_size.png") as picture:
        assert picture.width > 300


def test_datasets_in_one_row_of_the_paper_count_as_one(config, make_store, tmp_path):
    for name in ("Left", "Right"):
        make_store(tmp_path, name, role="held-out", row="Both")
    make_store(tmp_path, "Other", role="held-out")
    config = replace(config, stores=(tmp_path,), weights=(Path("mean-mask"),))
    result = evaluate(config)
    write_report(config, result)
    found = {(row["level"], row["name"]): float(row["dice"]) for row in table(config.out / "summary.csv")}
    both = found["row", "Both"]
    assert both == pytest.approx((found["dataset", "Left"] + found["dataset", "Right"]) / 2, abs=1e-3)
    assert found["all", "all datasets"] == pytest.approx((both + found["dataset", "Other"]) / 2, abs=1e-3)
    assert "| **Both** | 4 | 8 |" in (config.out / "summary.md").read_text()


def test_the_dev_split_can_be_segmented_instead(config):
    config = replace(config, split="dev")
    (scores,) = evaluate(config).scores.values()
    assert {score.query for score in scores} == {f"s{n}@{frame}" for n in (6, 7) for frame in (0, 1)}
    assert "on the dev split" in headline(config)


def test_the_table_tells_which_datasets_are_not_held_out(config, stores_folder):
    config = replace(config, stores=(stores_folder,), datasets=("One", "Kept"))
    result = evaluate(config)
    assert notes(result) == ["not held out, so networks may have been trained on them: One"]
    assert notes(result)[0] in markdown(config, result)
    (found,) = result.averages.values()
    assert found.datasets.keys() == {"One", "Kept"}
    assert found.all.dice == pytest.approx(np.mean([mean.dice for mean in found.datasets.values()]))


def test_the_table_tells_what_is_empty_and_what_is_left_out(config, make_store, tmp_path):
    make_store(tmp_path, "NoQuery", role="held-out", splits=["support"] * 3, labels=("a",))
    splits = {"s0": "support", "s1": "test", "s2": "test"}
    pixels = {name: np.full((32, 32), 255 * (name != "s1"), np.uint8) for name in splits}
    records = [Record("mid", "g", "m", 0, name, mask, {"a": mask}) for name, mask in pixels.items()]
    header = {"dataset": "Empty", "size": 32, "role": "held-out", "splits": splits}
    write_store(tmp_path / "Empty.lmdb", header, sorted(map(pack, records)))
    empty, left_out = notes(evaluate(replace(config, stores=(tmp_path,))))
    assert empty.startswith("1 queries have an empty ground truth")
    assert left_out.endswith("NoQuery/g/m/a/0")


@pytest.mark.parametrize(
    ("words", "extra"),
    [
        ("unknown dataset 'Foo'; known: Kept, One, Two", ["--datasets", "Foo"]),
        ("no such file; give a .safetensors", ["-w", "nowhere.safetensors"]),
        ("ensemble must be at least 1, got 0", ["--ensemble", "0"]),
        ("needs scipy: pip install 'universeg[train]'", []),
    ],
)
def test_mistakes_are_explained(stores_folder, weights, tmp_path, monkeypatch, capsys, words, extra):
    if "scipy" in words:
        monkeypatch.setattr("universeg.evaluation.cli.find_spec", lambda name: None if name == "scipy" else name)
    with pytest.raises(SystemExit) as stop:
        run(weights, stores_folder, tmp_path, *extra)
    assert stop.value.code
    captured = capsys.readouterr()
    assert words in " ".join((captured.err + captured.out).split())  # lines are broken to fit the terminal
