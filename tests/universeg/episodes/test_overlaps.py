"""Training data that is also in data for evaluation: what is found, what is said, and what is left out."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from universeg.episodes.overlaps import overlaps
from universeg.episodes.sampling import training_tasks
from universeg.episodes.task_stores import TaskStores
from universeg.training.checkpoint import checkpoints
from universeg.training.trainer import train


def entry(dataset, role, subjects=(), shared="likely"):
    return {"dataset": dataset, "role": role, "shared": shared, "what": "the same scans", "subjects": list(subjects)}


@pytest.fixture
def folder(tmp_path, make_store) -> Path:
    """Two training datasets share data with held-out ones, one with another training dataset, one with none."""
    make_store(tmp_path, "All", labels=("a",), overlaps=[entry("Elsewhere", "held-out")])
    make_store(tmp_path, "Some", labels=("a",), overlaps=[entry("Kept", "held-out", ["s0", "s2"])])
    make_store(tmp_path, "Twin", labels=("a",), overlaps=[entry("Clean", "train")])
    make_store(tmp_path, "Clean", labels=("a",))
    make_store(tmp_path, "Kept", role="held-out", labels=("a",))
    return tmp_path


def test_overlaps_with_held_out_data_are_found_and_others_are_not(folder, make_store):
    found = overlaps(TaskStores([folder]))
    assert {(one.dataset, one.other, one.subjects) for one in found} == {
        ("All", "Elsewhere", ()),
        ("Some", "Kept", ("s0", "s2")),
    }
    assert str(found[1]) == "2 subjects of Some overlap with Kept (likely): the same scans"


def test_a_store_for_validation_counts_as_evaluation(folder, tmp_path_factory, make_store):
    other = tmp_path_factory.mktemp("dev")
    make_store(other, "Dev", role="train", labels=("a",), overlaps=[entry("Twin", "train")])
    found = overlaps(TaskStores([folder]), TaskStores([other]).by_dataset.values())
    assert {(one.dataset, one.other) for one in found} == {("All", "Elsewhere"), ("Some", "Kept"), ("Twin", "Dev")}
    same = TaskStores([folder])
    assert len(overlaps(same, same.by_dataset.values())) == 2, "the dev split of a training store is no overlap"


def test_an_overlap_that_only_the_held_out_store_names_is_found(tmp_path, make_store):
    make_store(tmp_path, "Plain", labels=("a",))
    make_store(tmp_path, "Kept", role="extra", labels=("a",), overlaps=[entry("Plain", "train", ["s1"])])
    (found,) = overlaps(TaskStores([tmp_path]))
    assert (found.dataset, found.other, found.subjects) == ("Plain", "Kept", ()), "s1 is a name of the other dataset"


def test_subjects_or_whole_datasets_are_left_out(folder):
    stores = TaskStores([folder])
    before, after = training_tasks(stores), training_tasks(stores, without=overlaps(stores))
    assert {key.split("/")[0] for key in before.pools} == {"All", "Some", "Twin", "Clean"}
    assert {key.split("/")[0] for key in after.pools} == {"Some", "Twin", "Clean"}
    assert after.pools["Some/g/m/a/0"]["mid"] == ["s1", "s3", "s4", "s5"]
    assert after.pools["Twin/g/m/a/0"] == before.pools["Twin/g/m/a/0"]
    assert before.digest() != after.digest(), "so a run with and one without are different runs"
    assert "data of All overlap with Elsewhere (likely): the same scans" in after.left_out


def test_training_says_and_records_overlaps_unless_they_are_left_out(folder, config, capfd):
    run = replace(config, stores=(folder,), steps=1, quiet=False)
    train(run)
    said = " ".join(capfd.readouterr().err.split())
    assert "warning: trained on data that are also for evaluation: All overlap with Elsewhere (likely)" in said
    recorded = torch.load(checkpoints(run.out)[-1], weights_only=True)["config"]["overlaps"]
    assert len(recorded) == 2
    assert "2 subjects of Some overlap with Kept (likely): the same scans" in recorded
    clean = replace(run, out=run.out / "clean", exclude_overlaps=True)
    train(clean)
    said = " ".join(capfd.readouterr().err.split())
    assert "warning" not in said
    assert "left out: data of All overlap with Elsewhere" in said
    assert torch.load(checkpoints(clean.out)[-1], weights_only=True)["config"]["overlaps"] == []
    assert json.loads((clean.out / "metrics.jsonl").read_text().splitlines()[0])["step"] == 1
