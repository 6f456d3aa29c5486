"""Families of datasets that share scans under other names, built from fake trees: the shared scans are found."""

import csv
import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from layouts import expected, writers
from scipy.ndimage import gaussian_filter
from test_layouts import FOLDER, MANIFESTS, write_tree
from workflow import run_stages

from pipeline.audit.leaks import leaks
from pipeline.config import Config
from universeg.base.rng import rng_for
from universeg.imageio.load import read_image


def again(source: Path, target: Path, spacing=(1.0, 1.0, 1.0), orientation="RAS"):
    """The image of one file, saved as NIfTI in another frame, as owners of collections do."""
    writers.nifti(target, read_image(source).values, spacing, orientation)


def liver(raw: Path):
    """A scan of LiTS that the Decathlon has with standardised headers."""
    again(raw / "LiTS/media/nas/01_Datasets/CT/LITS/Training Batch 2/volume-130.nii",
          raw / "MSD-Liver/Task03_Liver/imagesTr/liver_130.nii.gz", (0.7, 0.7, 2))  # fmt: skip


def kidney(raw: Path):
    """A scan of KiTS that AbdomenCT-1K has under another name, with labels of its own."""
    case, train = raw / "KiTS/kits19/data/case_00160", raw / "AbdomenCT-1K/FLARE21"
    again(case / "imaging.nii.gz", train / "TrainingImg/TrainingImg/train_000_0000.nii.gz", (0.8, 0.8, 3.0))
    labels = read_image(case / "segmentation.nii.gz").values
    writers.nifti(train / "TrainingMask/train_000.nii.gz", labels, (0.8, 0.8, 3.0))


def brain(raw: Path):
    """A patient of BraTS 2015 who is among those of 2021 in another format."""
    old = raw / "BRATS/BRATS2015_Training/LGG/brats_tcia_pat101_0001"
    new = raw / "BRATS/RSNA_ASNR_MICCAI_BraTS2021_TrainingData_16July2021/BraTS2021_01666"
    for kind, name in (("Flair", "flair"), ("T1", "t1"), ("T1c", "t1ce"), ("T2", "t2")):
        (source,) = old.glob(f"*MR_{kind}.*/*.mha")
        again(source, new / f"BraTS2021_01666_{name}.nii.gz", orientation="LPS")


def atrium(raw: Path):
    """A scan of CDemris whose files SCD has too."""
    for name in ("de_a_1.nrrd", "la_seg_a_1.nrrd"):
        shutil.copy(raw / "CDemris/ISBI_2012/pre/p1" / name, raw / "SCD/LAF_Pre/p1" / name)


FAMILIES = {
    liver: (("LiTS", "130"), ("MSD-Liver", "liver_130"), "near duplicate"),
    kidney: (("KiTS", "case_00160"), ("AbdomenCT-1K", "train_000"), "near duplicate"),
    brain: (("BRATS", "LGG_brats_tcia_pat101"), ("BRATS", "BraTS2021_01666"), "near duplicate"),
    atrium: (("CDemris", "pre-1"), ("SCD", "LAF_Pre-1"), "same file"),
}


@pytest.fixture(autouse=True)
def tissue(monkeypatch):
    """Images of soft tissue, which differ between people in more than noise."""

    def painted(seed, masks, shape, low, high):
        rng = rng_for("tissue", str(seed))
        return np.clip(gaussian_filter(rng.normal(size=shape), 0.7) * 350 + 20, -200, 230).clip(low, high)

    monkeypatch.setattr(expected, "_painted", painted)


@pytest.mark.slow
@pytest.mark.parametrize("plant", FAMILIES, ids=lambda plant: plant.__name__)
def test_the_shared_scan_of_a_family_is_found_and_no_other(tmp_path, plant, capsys):
    *persons, evidence = FAMILIES[plant]
    names = sorted({dataset for dataset, _ in persons})
    for name in names:
        write_tree(FOLDER / f"{name}.py", tmp_path / "raw" / name)
    plant(tmp_path / "raw")
    stores = []
    for name in names:
        root = tmp_path / "out" / name
        config = Config(root=root, have={name: tmp_path / "raw" / name}, manifests=(MANIFESTS,), resolution=64)
        stores.append(run_stages(MANIFESTS / f"{name}.yaml", config).path)
    with suppress(ValueError):  # whether it is a leak depends on the splits
        leaks(tuple(stores), tmp_path)
    with (tmp_path / "leaks.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    found = {frozenset(((row["dataset_1"], row["person_1"]), (row["dataset_2"], row["person_2"]))) for row in rows}
    assert found == {frozenset(persons)}
    strong = {"near duplicate", "same pixels"} if evidence == "near duplicate" else {evidence}
    assert rows[0]["evidence"] in strong
    shown = capsys.readouterr().out
    assert ("share scans or persons" in shown) == (plant in (liver, atrium)), "what the manifests declare of these"
