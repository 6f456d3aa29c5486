"""The whole path through Snakemake, on tiny fake trees in real layouts: what a user types, and what then goes wrong."""

import csv
import os
import signal
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest
import yaml
from workflow import CHECKOUT, World, snakemake

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    world = World(tmp_path_factory.mktemp("a new world"))
    world.log = snakemake(world.config())
    return world


def contents(world: World, out: str = "out") -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((world.root / out / "stores").glob("*.lmdb"))}


def test_five_stores_a_catalogue_and_sheets(built):
    for name, subjects, tasks in (
        ("WBC-JTSC", 12, ["WBC-JTSC/JTSC/microscopy/cytoplasm/0", "WBC-JTSC/JTSC/microscopy/nucleus/0"]),
        ("WBC-CV", 6, ["WBC-CV/CV/microscopy/cytoplasm/0", "WBC-CV/CV/microscopy/nucleus/0"]),
        ("BBBC003", 5, ["BBBC003/BBBC003/microscopy/embryo/0"]),
        (
            "MSD-Hippocampus",
            10,
            [
                f"MSD-Hippocampus/Hippocampus/MRI/{end} hippocampus/{axis}"
                for end in ("anterior", "posterior")
                for axis in range(3)
            ],
        ),
    ):
        store = built.store(name)
        assert store.tasks == sorted(tasks)
        assert len(store.header["splits"]) == subjects
        assert store.header["counts"]["support"] == round(0.6 * subjects)
        assert store.header["row"] == {"MSD-Hippocampus": "MSD"}.get(name, name.split("-")[0])
        assert (built.root / "out" / "reports" / "sheets" / f"{name}.png").stat().st_size > 5000
    with (built.root / "out" / "reports" / "catalogue.csv").open(newline="") as file:
        rows = {row["task"]: row for row in csv.DictReader(file)}
    assert rows["WBC-CV/CV/microscopy/nucleus/0"]["role"] == "held-out"
    assert rows["WBC-CV/CV/microscopy/nucleus/0"]["mid"] == "6"
    assert {row["dataset"] for row in rows.values()} == set(built.datasets)


def test_masks_are_where_the_structures_are(built):
    for name in built.datasets[:4]:
        store = built.store(name)
        for task in store.tasks:
            slicing = "max" if store.subjects(task, slicing="max") else "mid"
            images, masks = store.read(task, store.subjects(task, slicing=slicing), slicing)
            inside, outside = images[masks == 1].mean(), images[(masks == 0) & (images > 0)].mean()
            dark = "WBC" in task  # cells are darker than their background, the others brighter
            assert (inside < outside) == dark, task


def test_largest_slices_only_of_volumes(built):
    assert built.store("MSD-Hippocampus").subjects(
        "MSD-Hippocampus/Hippocampus/MRI/anterior hippocampus/1", None, "max"
    )
    assert not built.store("WBC-CV").subjects("WBC-CV/CV/microscopy/nucleus/0", slicing="max")


def test_nothing_to_do_the_second_time(built):
    assert "Nothing to be done" in (run := snakemake(built.config())).stdout + run.stderr


def test_the_stores_do_not_depend_on_chunks(built):
    snakemake(built.config("chunked", chunks=3, datasets=["WBC-CV", "MSD-Hippocampus"]))
    chunked = contents(built, "chunked")
    assert chunked == {name: contents(built)[name] for name in chunked}


def test_a_fact_rebuilds_and_a_comment_does_not(built):
    manifest = built.root / "manifests" / "WBC-CV.yaml"
    original = manifest.read_text()
    try:
        manifest.write_text(f"# a remark\n{original}")
        assert "Nothing to be done" in (run := snakemake(built.config(), "-n")).stdout + run.stderr
        manifest.write_text(original.replace("255: nucleus", "255: core"))
        dry = (run := snakemake(built.config(), "-n")).stdout + run.stderr
        assert "shards/WBC-CV/0.lmdb" in dry
        assert "shards/WBC-JTSC" not in dry
    finally:
        manifest.write_text(original)


def test_a_dry_run_needs_no_data(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump({"root": str(tmp_path / "none")}))
    run = snakemake(config, "-n")
    assert "stores/WBC-JTSC.lmdb" in run.stdout + run.stderr
    assert not (tmp_path / "none").exists()


def test_the_slurm_profile_fits_the_workflow(tmp_path):
    pytest.importorskip("snakemake_executor_plugin_slurm")
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump({"root": str(tmp_path / "none"), "datasets": ["WBC-CV"]}))
    command = [sys.executable, "-m", "snakemake", "--profile", "profiles/slurm", "--configfile", str(config), "-n"]
    run = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "runtime=240" in run.stdout + run.stderr


@pytest.mark.parametrize("after", [2.5, 5.0, 8.0])
def test_killed_and_run_again_gives_the_same_stores(built, after):
    out = f"killed{after}"
    config = built.config(out, datasets=["WBC-CV", "MSD-Hippocampus"])
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", str(config)]
    run = subprocess.Popen(
        command, cwd=CHECKOUT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    time.sleep(after)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    snakemake(config)
    again = contents(built, out)
    assert again == {name: contents(built)[name] for name in again}
    assert len(again) == 2
    assert not list((built.root / out).rglob("*.part")), "leftovers of the kill are swept up"


def test_bad_files_are_rows_and_the_rest_is_built(tmp_path):
    world = World(tmp_path)
    task = world.have["MSD-Hippocampus"] / "Task04_Hippocampus"
    (task / "imagesTr" / "hippocampus_001.nii.gz").write_bytes(b"not an image")
    (task / "labelsTr" / "hippocampus_003.nii.gz").unlink()
    (task / "labelsTr" / "hippocampus_999.nii.gz").write_bytes(b"")
    copy = tmp_path / "hippocampus" / "copy" / "Task04_Hippocampus"
    for kind in ("imagesTr", "labelsTr"):
        (copy / kind).mkdir(parents=True)
        other = (task / kind / "hippocampus_007.nii.gz").read_bytes()  # the same bytes would be a second copy
        (copy / kind / "hippocampus_005.nii.gz").write_bytes(other)
    import nibabel as nib

    shape = nib.load(task / "imagesTr" / "hippocampus_007.nii.gz").shape
    nib.save(nib.Nifti1Image(np.ones((3, 3, 3), np.uint8), np.eye(4)), task / "labelsTr" / "hippocampus_007.nii.gz")
    shape = nib.load(task / "imagesTr" / "hippocampus_009.nii.gz").shape
    nib.save(nib.Nifti1Image(np.zeros(shape, np.uint8), np.eye(4)), task / "labelsTr" / "hippocampus_009.nii.gz")
    run = snakemake(world.config(datasets=["MSD-Hippocampus", "BBBC003"]))
    rows = world.attrition("MSD-Hippocampus")
    for subject, words, file in (
        ("hippocampus_001", "cannot be read as nifti", "imagesTr/hippocampus_001.nii.gz"),
        ("hippocampus_003", "no label file", "imagesTr/hippocampus_003.nii.gz"),
        ("hippocampus_999", "label without an image", "labelsTr/hippocampus_999.nii.gz"),
        ("hippocampus_005", "there 2 times", "hippocampus_005.nii.gz"),
        ("hippocampus_007", "the label has 3 x 3 x 3 samples", "labelsTr/hippocampus_007.nii.gz"),
        ("hippocampus_009", "0 of 32 x 32 pixels", "labelsTr/hippocampus_009.nii.gz"),
        ("", "6 usable scans, the manifest expects 10", ""),
    ):
        fitting = [row for row in rows if row["subject"] == subject and words in row["reason"]]
        assert fitting, f"{subject}: {words}"
        assert all(file in row["file"] and row["remedy"] for row in fitting)
    shown = run.stdout + run.stderr
    assert "hippocampus_007" in shown, "what nobody foresaw is shown at the end of the run"
    assert len(world.store("MSD-Hippocampus").header["splits"]) == 5
    assert len(world.store("BBBC003").header["splits"]) == 5
    strict = snakemake(world.config(strict=True), check=False)
    assert strict.returncode != 0
    assert "strict is on" in strict.stdout + strict.stderr


def wrong_digest(world: World) -> str:
    world.zip.write_bytes(world.zip.read_bytes() + b" ")
    return "expected"


def truncated(world: World) -> str:
    world.zip.write_bytes(world.zip.read_bytes()[: world.zip.stat().st_size // 2])
    refit(world)
    return "segmentation_WBC"


def escaping(world: World) -> str:
    with zipfile.ZipFile(world.zip, "a") as archive:
        archive.writestr("../../escaped/Dataset 2/evil.txt", "evil")
    refit(world)
    return "escaped"


def refit(world: World) -> None:
    for path in (world.root / "manifests").glob("WBC-*.yaml"):
        path.write_text(world._fitted(path.stem, path.read_text()))


@pytest.mark.parametrize("harm", [wrong_digest, truncated, escaping])
def test_a_bad_archive_is_an_error_and_the_rest_is_built(tmp_path, harm):
    world = World(tmp_path)
    words = harm(world)
    run = snakemake(world.config(datasets=["WBC-CV", "BBBC003"]), check=False)
    shown = run.stdout + run.stderr
    assert run.returncode != 0
    assert words in shown
    assert world.zip.name in shown
    assert "Traceback" not in shown
    assert list(contents(world)) == ["BBBC003.lmdb"]
    assert not list(tmp_path.rglob("evil.txt"))
