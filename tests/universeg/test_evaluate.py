import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from universeg.episode import Stores
from universeg.evaluate import evaluate, main, supports
from universeg.evaluation_config import EvaluateConfig
from universeg.metrics import dice
from universeg.model import ModelConfig, UniverSeg, save_model


@pytest.fixture
def config(stores_folder, tmp_path):
    save_model(UniverSeg(ModelConfig((4, 4))), tmp_path / "w.safetensors")
    return EvaluateConfig(
        weights=tmp_path / "w.safetensors", stores=(stores_folder,), out=tmp_path / "out", support_size=3, ensemble=2,
        bootstraps=50, device="cpu", quiet=True,
    )  # fmt: skip


def command(config, *extra):
    given = ["-w", str(config.weights), "--stores", str(config.stores[0]), "-o", str(config.out)]
    return [*given, "--support-size", "3", "--ensemble", "2", *extra]


class Threshold(UniverSeg):
    """Marks what is brighter than 0.3: finds both discs."""

    def forward(self, query, support_images, support_masks):
        return (query - 0.3) * 100


def test_held_out_datasets_are_scored(config, monkeypatch):
    monkeypatch.setattr("universeg.evaluate.load_model", lambda path: Threshold(ModelConfig((1,))))
    result = evaluate(config)
    assert {score.task.key for score in result.scores} == {"Kept/g/m/a/0", "Kept/g/m/b/0"}
    assert {score.query for score in result.scores} == {f"s{n}@{frame}" for n in (8, 9) for frame in (0, 1)}
    store = Stores(config.stores).by_dataset["Kept"]
    for score in result.scores:
        image, mask = store.read(score.task.key, [score.query])
        assert score.dice == dice(image[0] > 0.3 * 255, mask[0] > 0)
    assert result.averages.all.dice == pytest.approx(np.mean([score.dice for score in result.scores]))
    assert result.averages.all.deviation > 0


def test_the_command_writes_its_four_files(config, capsys):
    main(command(config))
    shown = capsys.readouterr().out
    assert "support size 3, ensemble of 2" in shown
    assert "Kept/g/m/0" in shown
    with (config.out / "results.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    assert len(found) == 8
    assert found[0]["query"] == "s8@0"
    summary = json.loads((config.out / "summary.json").read_text())
    assert summary["dice"]["dice"] == pytest.approx(np.mean([float(row["dice"]) for row in found]), abs=1e-3)
    assert summary["roles"] == {"Kept": "held-out"}
    assert summary["queries"] == 8
    assert "| **all datasets** |" in (config.out / "summary.md").read_text()
    with Image.open(config.out / "pictures.png") as picture:
        assert picture.width > 3 * 256


def test_the_same_call_gives_the_same_bytes(config):
    files = ["results.csv", "summary.json", "summary.md", "pictures.png"]
    main(command(config, "-q"))
    before = [(config.out / name).read_bytes() for name in files]
    main(command(config, "-q"))
    assert [(config.out / name).read_bytes() for name in files] == before


def test_supports_depend_on_their_name_alone(config, stores_folder):
    store = Stores([stores_folder]).by_dataset["Kept"]
    first = supports(store, "Kept/g/m/a/0", "s8@0", config)
    assert first == supports(store, "Kept/g/m/a/0", "s8@0", replace(config, ensemble=5, datasets=("Kept",)))[:2]
    assert len({*first, *supports(store, "Kept/g/m/a/0", "s9@0", config)}) == 4
    assert first != supports(store, "Kept/g/m/a/0", "s8@0", replace(config, seed=1))
    names = {name for episode in first for name in episode.support}
    assert names <= set(store.subjects("Kept/g/m/a/0", "support"))


def test_datasets_can_be_named_and_seen_ones_are_marked(config, capsys):
    main(command(config, "--datasets", "One", "Kept"))
    assert "not held out, training may have seen them: One" in capsys.readouterr().out
    summary = json.loads((config.out / "summary.json").read_text())
    assert set(summary["datasets"]) == {"One", "Kept"}
    assert summary["dice"]["dice"] == pytest.approx(np.mean([d["dice"] for d in summary["datasets"].values()]))


def test_tasks_without_test_queries_are_listed(tmp_path, make_store, config):
    make_store(tmp_path / "s", "Full", role="held-out")
    make_store(tmp_path / "s", "Untested", role="held-out", splits=["support"] * 3)
    assert evaluate(replace(config, stores=(tmp_path / "s",))).left_out == ["Untested/g/m/a/0", "Untested/g/m/b/0"]
    with pytest.raises(ValueError, match="none of 2 tasks has middle slices in both"):
        evaluate(replace(config, stores=(tmp_path / "s",), datasets=("Untested",)))


@pytest.mark.parametrize(
    ("words", "extra"),
    [
        ("unknown dataset 'Foo'; known: Kept, One, Two", ["--datasets", "Foo"]),
        ("no such file; give a .safetensors", ["-w", "nowhere.safetensors"]),
        ("ensemble must be at least 1, got 0", ["--ensemble", "0"]),
    ],
)
def test_mistakes_are_explained(config, capsys, words, extra):
    with pytest.raises(SystemExit) as stop:
        main(command(config, *extra))
    assert stop.value.code
    captured = capsys.readouterr()
    assert words in captured.err + captured.out


def test_without_held_out_stores_one_is_told_to_name_some(config, stores_folder):
    with pytest.raises(ValueError, match=r"they are One; name those.*--datasets"):
        evaluate(replace(config, stores=(stores_folder / "One.lmdb",)))
