"""Measures beside Dice: distances, volumes, calibration, intervals, comparisons, and their files."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from universeg.episodes.dice import Score, averages
from universeg.evaluation import measuring
from universeg.evaluation.cli import main
from universeg.evaluation.comparison import compare, paired_p_value
from universeg.evaluation.metrics import (
    BINS,
    calibration_counts,
    expected_calibration_error,
    measure,
    pixel_spacing,
    surface_distances,
)
from universeg.evaluation.multi_label import joined, masks_of
from universeg.store import Record, Store, Task, pack, write_store
from universeg.store.origin import Files, Origin, pack_origin

TASK = Task("D", "g", "m", "a", 0)


def box(top, left, side=6):
    mask = np.zeros((32, 32), bool)
    mask[top : top + side, left : left + side] = True
    return mask


def test_distances_are_those_of_the_outlines_in_millimetres():
    pytest.importorskip("monai")
    assert surface_distances(box(8, 8), box(8, 8), (1, 1)) == (0, 0)
    far, mean = surface_distances(box(8, 8), box(8, 20), (1, 1))
    assert far == 12
    assert 6 < mean < 12
    assert surface_distances(box(8, 8), box(8, 20), (2, 0.5))[0] == 6, "columns are half a millimetre apart"
    # Single far pixel: it is the maximum, but not the 95th percentile.
    speck = box(8, 8, side=12)
    speck[30, 30] = True
    assert surface_distances(speck, box(8, 8, side=12), (1, 1))[0] < 3


def test_volumes_and_empty_masks():
    pytest.importorskip("monai")
    half = measure(box(0, 0, 4) * np.float32(0.9), box(0, 0, 4) | box(4, 0, 4), (1, 1))
    assert (half.volume_similarity, half.volume_error) == (pytest.approx(100 * (1 - 16 / 48)), -50)
    nothing = measure(np.zeros((32, 32), np.float32), box(0, 0), (1, 1))
    assert np.isnan([nothing.hausdorff95, nothing.surface_distance]).all()
    assert (nothing.volume_similarity, nothing.volume_error) == (0, -100)
    neither = measure(np.zeros((32, 32), np.float32), np.zeros((32, 32), bool), (1, 1))
    assert neither.volume_similarity == 100
    assert np.isnan(neither.volume_error)


def test_the_calibration_error_is_the_mean_difference_of_probability_and_frequency():
    rng = np.random.default_rng(0)
    probability = rng.random((200, 200)).astype(np.float32)
    perfect = calibration_counts(probability, rng.random((200, 200)) < probability)
    assert expected_calibration_error(perfect) < 2
    too_sure = calibration_counts(np.full((10, 10), 0.9, np.float32), np.arange(100).reshape(10, 10) < 60)
    assert expected_calibration_error(too_sure) == pytest.approx(30, abs=1e-4)
    assert expected_calibration_error(perfect + too_sure) < 2.5, "counts of queries can be added"
    assert perfect.shape == (3, BINS)
    assert perfect[0].sum() == 200 * 200
    assert calibration_counts(np.ones((1, 1), np.float32), np.ones((1, 1), bool))[0, -1] == 1


def scores(values, dataset="D"):
    return [Score(replace(TASK, dataset=dataset), f"s{n}", value) for n, value in enumerate(values)]


def test_the_interval_has_95_percent_of_the_bootstrap_samples():
    found = averages(scores(np.linspace(0, 100, 30)), bootstraps=2000).all
    assert found.low == pytest.approx(50 - 1.96 * found.standard_deviation, abs=1)
    assert found.high == pytest.approx(50 + 1.96 * found.standard_deviation, abs=1)


def test_a_comparison_is_of_pairs():
    rng = np.random.default_rng(0)
    easy = rng.uniform(0, 100, 20)  # queries differ a lot, and the second network is always a little better
    better = compare(scores(easy), scores(easy + rng.normal(1, 0.5, 20)), bootstraps=500)
    assert better.difference.dice == pytest.approx(1, abs=0.4)
    assert better.difference.low > 0
    assert better.p_value < 1e-4
    chance = compare(scores(easy), scores(easy + rng.normal(0, 0.5, 20)), bootstraps=500)
    assert chance.p_value > 0.01
    assert chance.difference.low < 0 < chance.difference.high
    with pytest.raises(ValueError, match="not scored on the same queries"):
        compare(scores(easy), scores(easy, "E"), bootstraps=0)


def test_the_p_value_of_few_or_equal_differences():
    assert np.isnan(paired_p_value([1.0]))
    assert paired_p_value([0.0, 0.0]) == 1
    assert paired_p_value([2.0, 2.0]) == 0


def test_the_spacing_is_that_of_the_standard_grid(tmp_path):
    """A volume of 64 x 32 x 16 samples of 1, 1 and 2 mm on a grid of 32 pixels: 2 mm per pixel."""
    pixels = np.zeros((32, 32), np.uint8)
    records = [pack(Record("mid", "g", "m", 0, name, pixels, {"a": pixels})) for name in ("s0", "s1", "s2")]
    volume = Origin("g", "m", "s0", Files(("x",), ""), {}, shape=(64, 32, 16), spacing=(1.0, 1.0, 2.0))
    picture = Origin("g", "m", "s1", Files(("x",), ""), {}, shape=(64, 32), spacing=(1.0, 1.0))
    header = {"dataset": "D", "size": 32, "role": "held-out", "splits": dict.fromkeys(("s0", "s1", "s2"), "test")}
    write_store(tmp_path / "D.lmdb", header, sorted([*records, pack_origin(volume), pack_origin(picture)]))
    store = Store(tmp_path / "D.lmdb")
    assert pixel_spacing(store, TASK.key, "s0") == pytest.approx((2, 2))
    assert pixel_spacing(store, TASK.key, "s1") is None, "the pixels of a picture have no size"
    assert pixel_spacing(store, TASK.key, "s2") is None


def test_labels_are_joined_by_a_softmax():
    maps = {"a": np.array([[0.9, 0.2, 0.6]]), "b": np.array([[0.8, 0.1, 0.9]])}
    found = joined(maps)
    np.testing.assert_allclose(sum(found.values()), 1, rtol=1e-5)
    np.testing.assert_allclose(found["a"][0, 0], 9 / (1 + 9 + 4), rtol=1e-5)
    masks = masks_of(maps)
    assert masks["a"].tolist() == [[True, False, False]]
    assert masks["b"].tolist() == [[False, False, True]]
    assert masks["background"].tolist() == [[False, True, False]]
    own = joined({**maps, "background": np.array([[0.99, 0.5, 0.5]])})
    assert own["background"][0, 0] > own["a"][0, 0]
    with pytest.raises(ValueError, match="all of the same shape"):
        joined({"a": np.zeros((1, 2)), "b": np.zeros((2, 1))})


def words(config, *extra):
    paths = ["--stores", str(config.stores[0]), "--out", str(config.out), "--support-size", "3", "--ensemble", "2"]
    return [*paths, "--bootstraps", "20", "--pictures", "0", "--device", "cpu", "--quiet", *extra]


def test_the_command_writes_metrics_and_measures_once(config, monkeypatch):
    pytest.importorskip("monai")
    main(words(config, "--weights", "mean-mask", "grey", "--metrics"))
    with (config.out / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 8
    assert {row["unit"] for row in rows} == {"pixels"}
    found = json.loads((config.out / "metrics.json").read_text())["mean-mask"]
    values = [float(row["volume_similarity"]) for row in rows if row["weights"] == "mean-mask"]
    assert found["measures"]["volume_similarity (%)"]["mean"] == pytest.approx(np.mean(values), abs=1e-3)
    assert 0 < found["calibration_error"] < 100
    assert "calibration error" in (config.out / "metrics.md").read_text()
    assert (config.out / "reliability.png").stat().st_size > 5000
    summary = (config.out / "summary.md").read_text()
    assert "Compared with mean-mask on the same queries" in summary
    monkeypatch.setattr(measuring, "measure", lambda *given: pytest.fail("it was measured again"))
    main(words(config, "--weights", "mean-mask", "grey", "--metrics"))


def test_without_monai_the_command_says_what_to_install(config, monkeypatch, capsys):
    monkeypatch.setattr("universeg.evaluation.metrics.find_spec", lambda name: None)
    with pytest.raises(SystemExit):
        main(words(config, "--weights", "mean-mask", "--metrics"))
    assert "pip install 'universeg[metrics]'" in capsys.readouterr().err
    assert not config.out.exists()


def test_joined_labels_win_each_pixel_once(config, tmp_path, monkeypatch):
    """For each label, the method marks the structures of both, but its own with the higher probability."""
    (tmp_path / "both.py").write_text(
        "def segment(query, images, masks):\n    return (query > 0.3) * 4.0 - 2 + 2 * masks.mean(1)\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    main(words(config, "--method", "both:segment"))
    alone = json.loads((config.out / "summary.json").read_text())["configurations"][0]["all"]["dice"]
    main(words(config, "--method", "both:segment", "--join-labels"))
    together = json.loads((config.out / "summary.json").read_text())["configurations"][0]["all"]["dice"]
    assert alone < 80 < together


METHOD = """
import torch

def brighter(query, support_images, support_masks):
    inside = (support_images * support_masks).sum((1, 3, 4), keepdim=True) / support_masks.sum((1, 3, 4), keepdim=True)
    return 10 * (query - inside[:, 0] / 2)

class Module(torch.nn.Module):
    def forward(self, query, support_images, support_masks):
        return brighter(query, support_images, support_masks)

def wrong(query, support_images, support_masks):
    return support_masks
"""


@pytest.fixture
def method(tmp_path, monkeypatch):
    (tmp_path / "own_few_shot.py").write_text(METHOD)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path / "own_few_shot.py"


def test_an_own_method_is_evaluated_like_a_network(config, method, capsys):
    main(words(config, "--weights", "mean-mask", "--method", "own_few_shot:brighter", "own_few_shot:Module"))
    found = json.loads((config.out / "summary.json").read_text())["configurations"]
    first, function, module = (each["all"]["dice"] for each in found)
    assert function == module != first
    lines = (config.out / "scores.jsonl").read_text().splitlines()
    assert len(lines) == 3 * 8
    for name, message in {
        "own_few_shot:wrong": r"must return logits (1, 1, 32, 32), it returned (1, 3, 1, 32, 32)",
        "own_few_shot:absent": "has no attribute 'absent'",
        "no_such_module:f": "is neither in",
    }.items():
        with pytest.raises(SystemExit):
            main(words(config, "--method", name))
        assert message in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(words(config))


def test_the_example_of_the_page_runs(config, tmp_path, monkeypatch):
    text = (Path(__file__).parents[3] / "docs/how-to/own-method.md").read_text()
    code = text.split("```python\n")[1].split("```")[0]
    assert len(code.splitlines()) <= 15
    (tmp_path / "my_method.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "--method my_method:segment" in text
    main(words(config, "--method", "my_method:segment"))
    assert json.loads((config.out / "summary.json").read_text())["configurations"][0]["all"]["dice"] > 30
