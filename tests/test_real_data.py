"""The workflow on real data, if it is available: exact counts, and the known defects of these copies."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from workflow import snakemake

from pipeline import attrition
from universeg.store import Store

RAW = Path(os.environ.get("UNIVERSEG_RAW", ""))
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("UNIVERSEG_RAW" not in os.environ, reason="set UNIVERSEG_RAW to a folder with real data"),
]

COUNTS = {"WBC-JTSC": 300, "WBC-CV": 100, "MSD-Hippocampus": 260, "BBBC003": 15, "Synthetic": 20}
TASKS = {"WBC-JTSC": 2, "WBC-CV": 2, "MSD-Hippocampus": 6, "BBBC003": 1}


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("real")
    config = {
        "root": str(root),
        "datasets": list(COUNTS),
        "mirror": str(RAW / "downloads"),
        "have": {name: str(RAW / "unpacked" / name) for name in ("MSD-Hippocampus", "BBBC003")},
        "chunks": 2,
        "synthetic": {"tasks": 20, "subjects": 20, "seed": 0},
    }
    (root / "config.yaml").write_text(yaml.safe_dump(config))
    snakemake(root / "config.yaml")
    return root


@pytest.mark.parametrize("name", COUNTS)
def test_counts_are_exact(root, name):
    store = Store(root / "stores" / f"{name}.lmdb")
    assert store.header["counts"]["subjects"] == COUNTS[name]
    assert store.header["counts"]["support"] == round(0.6 * COUNTS[name])
    assert len(store.tasks) == TASKS.get(name, len(store.tasks))
    assert (root / "reports" / "sheets" / f"{name}.png").exists()


def test_every_wbc_image_has_both_labels(root):
    for name in ("WBC-JTSC", "WBC-CV"):
        store = Store(root / "stores" / f"{name}.lmdb")
        assert [len(store.subjects(task)) for task in store.tasks] == [COUNTS[name]] * 2
        nucleus = next(task for task in store.tasks if "nucleus" in task)
        images, masks = store.read(nucleus, store.subjects(nucleus))
        means = [
            (image[mask == 1].mean(), image[(mask == 0) & (image > 0)].mean())
            for image, mask in zip(images, masks, strict=True)
        ]
        assert np.mean([inside < outside for inside, outside in means]) > 0.97, "stained nuclei are dark"


def test_every_hippocampus_has_largest_slices_along_every_axis(root):
    store = Store(root / "stores" / "MSD-Hippocampus.lmdb")
    assert {len(store.subjects(task, slicing="max")) for task in store.tasks} == {260}


def test_unpaired_files_are_named(root):
    unexpected = [
        row for row in attrition.read(root / "reports" / "attrition" / "MSD-Hippocampus.csv") if row.unexpected
    ]
    assert [row.subject for row in unexpected] == ["hippocampus_010", "hippocampus_118", "hippocampus_281"]
    assert all(row.reason and row.remedy and row.file for row in unexpected)


def test_embryos_are_the_small_bright_part(root):
    store = Store(root / "stores" / "BBBC003.lmdb")
    (task,) = store.tasks
    areas = np.array(list(store.areas(task).values())) / 128**2
    assert 0.05 < areas.min() < areas.max() < 0.09, "7 to 11 % of the picture, three quarters of the square"


def test_all_records_are_good(root):
    stores = sorted(map(str, (root / "stores").glob("*.lmdb")))
    run = subprocess.run([sys.executable, "-m", "universeg.store", "verify", *stores], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout
