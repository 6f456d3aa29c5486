"""The numbers that a manifest announces: modalities, labels, tasks, scans and bytes."""

from pathlib import Path

import pytest

from pipeline.manifest import expected_counts
from pipeline.manifest.schema import Manifest, load_manifest

MANIFEST = load_manifest(Path("dataset_manifests/WBC-CV.yaml"))


def changed(*scans: int | None, **labels: object) -> Manifest:
    """The manifest with one group for each number of scans, each with two modalities, two labels and two axes."""
    facts = MANIFEST.model_dump()
    (group,) = facts["groups"]
    form = {**group["scans"][0], "modality": None, "channels": {0: "T1", 1: "T2"}}
    groups = [
        {
            **{**group, "name": f"g{n}", "scans": [form], "axes": [0, 1], "expect": {"scans": count}},
            "labels": {**group["labels"], "names": {1: "a", 2: "b", 3: "a"}, **labels},
        }
        for n, count in enumerate(scans)
    ]
    return Manifest.model_validate({**facts, "groups": groups})


def test_modalities_labels_and_tasks():
    manifest = changed(10, 20)
    assert expected_counts.modalities(manifest.groups[0]) == ["T1", "T2"]
    assert expected_counts.labels(manifest.groups[0]) == ["a", "b"]
    assert expected_counts.tasks(manifest) == 2 * 2 * 2 * 2
    assert expected_counts.labels(changed(1, combine={"both": ["a", "b"]}).groups[0]) == ["both"]


def test_scans_are_unknown_if_one_group_is_unknown():
    assert expected_counts.scans(changed(10, 20)) == 30
    assert expected_counts.scans(changed(10, None)) is None


@pytest.mark.parametrize(
    ("known", "unknown", "words"),
    [
        (0, 0, "0 bytes"),
        (999, 0, "999 bytes"),
        (1500, 1, "1.5 kB + 1 file"),
        (23486003, 0, "23 MB"),
        (0, 2, "unknown, 2 files"),
    ],
)
def test_sizes_in_readable_units(known, unknown, words):
    assert expected_counts.readable_size(known, unknown) == words
