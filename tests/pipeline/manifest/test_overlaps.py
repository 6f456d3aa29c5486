"""Overlaps between datasets: what stores and the plan say, and that the manifests agree with each other."""

from pathlib import Path

from pipeline.build.store import store_header
from pipeline.config import Config
from pipeline.manifest.overlaps import evaluation_overlaps, stored_overlaps
from pipeline.manifest.schema import load_manifests
from pipeline.report.plan import plan

FOLDER = Path("dataset_manifests")
MANIFESTS = load_manifests(FOLDER)


def test_training_datasets_that_share_scans_with_held_out_ones():
    found = {
        (name, one.dataset, one.shared)
        for name, manifest in MANIFESTS.items()
        for one in evaluation_overlaps(manifest, MANIFESTS)
    }
    assert found == {("CDemris", "SCD", "likely"), ("MSD-Heart", "SCD", "likely")}


def test_every_overlap_names_a_dataset_and_both_sides_tell_a_held_out_one():
    for name, manifest in MANIFESTS.items():
        for one in manifest.overlaps:
            other = MANIFESTS[one.dataset]
            if manifest.role != other.role:
                assert name in [back.dataset for back in other.overlaps], f"{name} is missing in {one.dataset}.yaml"


def test_a_store_has_its_overlaps_with_the_role_of_the_other_dataset():
    header = store_header(MANIFESTS["CDemris"], None, Config(manifests=(FOLDER,)))
    (overlap,) = header["overlaps"]
    assert (overlap["dataset"], overlap["shared"], overlap["role"], overlap["subjects"]) == (
        "SCD",
        "likely",
        "held-out",
        [],
    )
    assert stored_overlaps(MANIFESTS["CDemris"], (Path("tests"),))[0]["role"] is None, "no manifest of SCD there"
    assert store_header(MANIFESTS["KiTS"], None, Config())["overlaps"] == [], "its overlap is in no scan that is used"


def test_the_plan_lists_overlaps_with_data_for_evaluation(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    plan(root=Path("no such folder"))
    shown = capsys.readouterr().out.partition("Training data that is also in data for evaluation")[2]
    assert "universeg train --exclude-overlaps" in shown
    assert [line.split(":")[0].strip() for line in shown.splitlines()[2:]] == [
        "CDemris and SCD (likely)",
        "MSD-Heart and SCD (likely)",
    ]
