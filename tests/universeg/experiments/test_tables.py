"""Tables with the paper's numbers, the logarithmic fit, and the training of networks."""

import csv
import json
from types import SimpleNamespace

import numpy as np
import pytest

from universeg.episodes.task_stores import TaskStores
from universeg.experiments.log_fit import log_fit
from universeg.experiments.networks import NetworkSpec, networks
from universeg.experiments.scale import SCALES
from universeg.experiments.steps import do_step
from universeg.experiments.tables import Number, Table, paper_number, paper_numbers, write_table
from universeg.training.presets import parse_args

ROW = ("ACDC", "PanDental", "SCD", "STARE", "SpineWeb", "WBC")


def test_the_papers_numbers():
    assert paper_number("table-5", "UniverSeg", "All") == Number(71.8, 0.9)
    assert paper_number("table-1", "PANet", "parameters (M)") == Number(14.71)
    assert str(paper_number("table-10", "all datasets", "tasks")) == "4,432"
    assert paper_number("table-8", "WBC-JTSC/JTSC/microscopy/0", "N = 64") == Number(91.9, 0.2)
    assert paper_number("table-8", "SCD/LAS/MRI/2", "N = 16") is None
    assert paper_number("table-8", "Mine/a/b/0", "N = 1") is None
    mean = np.mean(
        [paper_number("table-5", "SE-net", c).value for c in ["ACDC", "PanDental", "SCD", "STARE", "SpineWeb", "WBC"]]
    )
    assert mean == pytest.approx(paper_number("table-5", "SE-net", "All").value, abs=0.1)
    assert sum(len(cells) for table in paper_numbers().values() for cells in table.values()) == 596


def test_a_table_has_our_numbers_and_the_papers(tmp_path):
    cells = {"PANet": {"All": Number(12.34, 0.56)}, "Mine": {"All": Number(0.123), "Other": Number(2345.6)}}
    write_table(tmp_path, Table("table-5", "Methods", cells, ["a note"], [("Mine", "Other")]))
    text = (tmp_path / "table.md").read_text()
    assert "| PANet | 12.3 ± 0.6 [41.8 ± 1.3] |  |" in text
    assert "| Mine | 0.12 | **2346** |" in text
    assert "a note" in text
    with (tmp_path / "table.csv").open() as file:
        first = next(csv.DictReader(file))
    assert (first["value"], first["paper"], first["paper_spread"]) == ("12.34", "41.8", "1.3")
    assert json.loads((tmp_path / "table.json").read_text())["paper"]["PANet"]["All"] == {"value": 41.8, "spread": 1.3}


def test_a_logarithmic_fit_finds_the_curve_and_its_uncertainty():
    rng, x = np.random.default_rng(0), np.geomspace(25, 4432, 19)
    fit = log_fit(list(x), list(10 + 7 * np.log(x)))
    assert (fit.intercept, fit.slope) == pytest.approx((10, 7))
    np.testing.assert_allclose(fit.low, fit.high, atol=1e-6)
    noisy = log_fit(list(x), list(10 + 7 * np.log(x) + rng.normal(0, 5, 19)))
    inside = (noisy.low < 10 + 7 * np.log(noisy.x)) & (10 + 7 * np.log(noisy.x) < noisy.high)
    assert inside.mean() > 0.5
    assert (noisy.high - noisy.low).min() > 1
    assert log_fit([3, 3], [1, 2]) is None
    assert str(fit) == "10.0 + 7.0 log(tasks)"
    assert str(log_fit(list(x), list(10 - 7 * np.log(x)))) == "10.0 - 7.0 log(tasks)"


@pytest.mark.parametrize(
    "scale", [pytest.param(name, marks=getattr(pytest.mark, "slow" if name == "tiny" else "weekly")) for name in SCALES]
)
def test_every_network_has_a_valid_training(scale, experiment_stores, tmp_path):
    for spec in networks().values():
        words = spec.training_words(SCALES[scale], [experiment_stores], tmp_path, "cpu")
        config = parse_args(words, "train", "")
        assert config.network == spec.model
        assert config.augment.preset == spec.augment
        assert config.support_size == SCALES[scale].support_size(spec.support_size)
        assert bool(config.synthetic) == spec.synthetic
        assert bool(config.stores) == spec.medical


def test_parts_of_the_training_datasets_are_random_and_their_size_is_the_papers():
    names = [f"D{n:02d}" for n in range(46)]
    stores = SimpleNamespace(datasets=lambda role: [*names, "Synthetic"])
    found = {name: spec.training_datasets(stores) for name, spec in networks().items() if name.startswith("datasets-")}
    sizes = {name.split("-")[1]: len(datasets) for name, datasets in found.items()}
    assert sizes == {"02": 1, "05": 2, "10": 5, "25": 11, "50": 23, "75": 34}, "table 10 of the paper"
    assert len({tuple(datasets) for datasets in found.values()}) == 18
    assert networks()["medical"].training_datasets(stores) == names


def test_synthetic_tasks_are_those_of_the_store_if_there_is_one(tmp_path, make_store):
    make_store(tmp_path, "One")
    make_store(tmp_path, "Synthetic")
    spec, only = networks()["universeg"], networks()["synth"]
    words = spec.training_words(SCALES["full"], [tmp_path], tmp_path, "cpu")
    assert words[words.index("--synthetic") + 1].startswith("--"), "no family is given"
    assert {"One/*", "Synthetic/*"} <= set(words)
    assert "One/*" not in only.training_words(SCALES["full"], [tmp_path], tmp_path, "cpu")
    (tmp_path / "One.lmdb").unlink()
    with pytest.raises(ValueError, match="trains on medical datasets, but the stores have none"):
        spec.training_datasets(TaskStores([tmp_path]))


@pytest.mark.slow
def test_a_failed_training_is_reported(config, tmp_path, monkeypatch):
    from dataclasses import replace

    monkeypatch.setattr(NetworkSpec, "training_words", lambda *given: ["--no-such-flag"])
    with pytest.raises(ValueError, match="training the network synth ended with status"):
        do_step(replace(config, out=tmp_path, train=True), "network/synth")
