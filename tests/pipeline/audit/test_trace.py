"""`python -m pipeline trace`: it names files and slices, sees a changed file, and rebuilds the same bytes."""

import re
import shutil
from pathlib import Path

import fakes
import pytest
from workflow import run_stages

from pipeline.audit.trace import trace
from pipeline.config import Config
from universeg.store import Store

MANIFEST = Path(__file__).parents[3] / "dataset_manifests/MSD-Hippocampus.yaml"
TASK = "MSD-Hippocampus/Hippocampus/MRI/anterior hippocampus/1"
SUBJECT = "hippocampus_003"
IMAGE = f"Task04_Hippocampus/imagesTr/{SUBJECT}.nii.gz"


@pytest.fixture
def store(tmp_path) -> Store:
    """A store where the workflow writes it, with its scans, settings and files."""
    raw = fakes.hippocampus(tmp_path / "raw", 3)
    root = tmp_path / "out"
    config = Config(root=root, have={"MSD-Hippocampus": raw}, manifests=(MANIFEST.parent,), resolution=32, chunks=2)
    built = run_stages(MANIFEST, config)
    for source, target in (
        ("scans.json", "scans/MSD-Hippocampus.json"),
        (built.path.name, "stores/" + built.path.name),
    ):
        (root / target).parent.mkdir(exist_ok=True)
        shutil.copy(root / source, root / target)
    return Store(root / "stores/MSD-Hippocampus.lmdb")


def test_a_record_is_traced_and_rebuilt(store, capsys):
    trace(f"{TASK}/{SUBJECT}", store.path.parent, "max", rebuild=True)
    shown = capsys.readouterr().out
    origin = store.origin("Hippocampus", "MRI", SUBJECT)
    assert f"{IMAGE}, sha256 {origin.image.sha256}" in shown
    assert f"{IMAGE} is unchanged" in shown

    assert re.search(r"coronal, axis 1 in RAS\+ order, counted from 0: slice \d\d of 32, sample 15 of 26", shown)
    assert "--chunk 1 --out" in shown, "it is the second of the scans, in two chunks"
    assert '"1": "anterior hippocampus"' in shown
    assert "Rebuilt: the same" in shown


def test_the_key_of_a_record_does_too(store, capsys):
    trace(f"max/Hippocampus/MRI/1/{SUBJECT}/anterior hippocampus", store.path)
    assert "sample 15 of 26" in capsys.readouterr().out


def test_a_changed_file_is_an_error(store, tmp_path):
    shutil.copy(tmp_path / "raw" / IMAGE.replace("003", "001"), tmp_path / "raw" / IMAGE)
    with pytest.raises(ValueError, match=rf"{SUBJECT}.nii.gz has changed: expected sha256 \w+, got \w+"):
        trace(f"{TASK}/{SUBJECT}", store.path.parent)


def test_a_record_that_differs_when_rebuilt_is_an_error(store, monkeypatch):
    monkeypatch.setitem(store.header, "min_pixels", 10_000)
    monkeypatch.setattr("pipeline.audit.trace.Store", lambda path: store)
    with pytest.raises(ValueError, match="the rebuilt record differs"):
        trace(f"{TASK}/{SUBJECT}", store.path, rebuild=True)


def test_a_missing_file_and_a_copied_store_are_said(store, tmp_path, capsys):
    (tmp_path / "raw" / IMAGE).unlink()
    trace(f"{TASK}/{SUBJECT}", store.path.parent)
    assert f"{IMAGE} is not there any more" in capsys.readouterr().out
    copy = shutil.copy(store.path, tmp_path / "raw" / store.path.name)
    trace(f"{TASK}/{SUBJECT}", Path(copy))
    assert "not checked: the store is not in the folder" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("MSD-Hippocampus/a", "expected dataset/group/modality/label/axis/subject, got 2 parts"),
        (f"{TASK}/nobody", "has no mid slice of 'nobody'"),
        ("mid/Hippocampus/MRI/1/nobody", "name the store"),
    ],
)
def test_a_wrong_key_is_named(store, key, words):
    with pytest.raises(ValueError, match=words):
        trace(key, store.path.parent)
