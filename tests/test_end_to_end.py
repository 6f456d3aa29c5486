"""The whole workflow through Snakemake, on tiny fake data in real layouts: what a user types, and what can go wrong."""

import csv
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import yaml
from workflow import CHECKOUT, World, command, run_stages, snakemake

from pipeline import attrition
from pipeline.config import Config

pytestmark = pytest.mark.slow

NOTHING = "Nothing to be done"
DATASETS = ["WBC-JTSC", "WBC-CV", "MSD-Hippocampus", "Synthetic"]


class KilledRun:
    """A run that is killed in the moment in which it writes its first shard."""

    def __init__(self, config: Path, root: Path) -> None:
        run = subprocess.Popen(
            command(config),
            cwd=CHECKOUT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        end = time.monotonic() + 240
        while not (shards := list((root / "shards").rglob("*.lmdb*"))) and time.monotonic() < end:
            time.sleep(0.002)
        self.was_running = run.poll() is None
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        self.shards = shards
        self.stores = list(root.glob("stores/*.lmdb"))


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A world with some damaged files, built by a run that is killed and the same command again."""
    world = World(tmp_path_factory.mktemp("a new world"))
    world.datasets = DATASETS
    damage_hippocampus(world)
    world.killed = KilledRun(world.config(), world.root / "out")
    world.log = snakemake(world.config()).stdout
    return world


def damage_hippocampus(world: World) -> None:
    """Leave 5 of the 10 subjects usable."""
    task = world.have["MSD-Hippocampus"] / "Task04_Hippocampus"
    (task / "imagesTr" / "hippocampus_001.nii.gz").write_bytes(b"not an image")
    (task / "labelsTr" / "hippocampus_003.nii.gz").unlink()
    (task / "labelsTr" / "hippocampus_999.nii.gz").write_bytes(b"")
    for kind in ("imagesTr", "labelsTr"):
        # Other bytes, because a byte-identical copy is not an error.
        repeated = world.have["MSD-Hippocampus"] / "copy" / "Task04_Hippocampus" / kind / "hippocampus_005.nii.gz"
        repeated.parent.mkdir(parents=True)
        shutil.copy(task / kind / "hippocampus_007.nii.gz", repeated)
    nib.save(nib.Nifti1Image(np.ones((3, 3, 3), np.uint8), np.eye(4)), task / "labelsTr" / "hippocampus_007.nii.gz")
    shape = nib.load(task / "imagesTr" / "hippocampus_009.nii.gz").shape
    nib.save(nib.Nifti1Image(np.zeros(shape, np.uint8), np.eye(4)), task / "labelsTr" / "hippocampus_009.nii.gz")


def jobs(run: subprocess.CompletedProcess[str]) -> set[tuple[str, str]]:
    """Rule and dataset of the jobs that a dry run lists; the dataset is empty for rules without one."""
    found = re.findall(r"^(?:local)?rule (\w+):\n((?:    .*\n)*)", run.stdout, re.MULTILINE)
    datasets = [re.search(r"dataset=([\w-]+)", lines) for _, lines in found]
    return {(rule, match[1] if match else "") for (rule, _), match in zip(found, datasets, strict=True)}


def test_a_killed_run_continues_with_the_same_command(built):
    assert built.killed.was_running
    assert built.killed.shards, "it was killed while it wrote a shard, or right after it"
    assert not built.killed.stores
    assert {path.stem for path in (built.root / "out" / "stores").glob("*.lmdb")} == set(DATASETS)
    assert not list((built.root / "out").rglob("*.part")), "the next run removes unfinished files"


@pytest.mark.parametrize("name", ["WBC-CV", "MSD-Hippocampus"])
def test_the_stores_depend_neither_on_the_kill_nor_on_chunks(built, name, tmp_path):
    settings = yaml.safe_load(built.config().read_text())
    clean = run_stages(built.root / "manifests" / f"{name}.yaml", Config(**{**settings, "root": tmp_path, "chunks": 3}))
    assert clean.tasks == built.store(name).tasks
    assert (tmp_path / f"{name}.lmdb").read_bytes() == (built.root / "out/stores" / f"{name}.lmdb").read_bytes()


def test_every_dataset_has_a_store_a_sheet_and_rows_in_the_catalogue(built):
    ends = ("anterior", "posterior")
    for name, subjects, tasks in (
        ("WBC-JTSC", 12, ["WBC-JTSC/JTSC/microscopy/cytoplasm/0", "WBC-JTSC/JTSC/microscopy/nucleus/0"]),
        ("WBC-CV", 6, ["WBC-CV/CV/microscopy/cytoplasm/0", "WBC-CV/CV/microscopy/nucleus/0"]),
        (
            "MSD-Hippocampus",
            5,
            [f"MSD-Hippocampus/Hippocampus/MRI/{end} hippocampus/{axis}" for end in ends for axis in range(3)],
        ),
    ):
        store = built.store(name)
        assert store.tasks == sorted(tasks)
        assert len(store.header["splits"]) == subjects
        assert store.header["counts"]["support"] == round(0.6 * subjects)
        assert store.header["row"] == {"MSD-Hippocampus": "MSD"}.get(name, name.split("-")[0])
    assert len(built.store("Synthetic").header["splits"]) == 6
    for name in DATASETS:
        assert (built.root / "out" / "reports" / "sheets" / f"{name}.png").stat().st_size > 5000
    with (built.root / "out" / "reports" / "catalogue.csv").open(newline="") as file:
        rows = {row["task"]: row for row in csv.DictReader(file)}
    assert rows["WBC-CV/CV/microscopy/nucleus/0"]["role"] == "held-out"
    assert rows["WBC-CV/CV/microscopy/nucleus/0"]["mid"] == "6"
    assert {row["dataset"] for row in rows.values()} == set(DATASETS)


def test_masks_are_where_the_structures_are(built):
    for name in ("WBC-JTSC", "WBC-CV", "MSD-Hippocampus"):
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


def test_damaged_files_are_reported_and_the_rest_is_built(built):
    rows = built.attrition("MSD-Hippocampus")
    for subject, words, file in (
        ("hippocampus_001", "its first bytes are not those of a NIfTI", "imagesTr/hippocampus_001.nii.gz"),
        ("hippocampus_003", "no label file", "imagesTr/hippocampus_003.nii.gz"),
        ("hippocampus_999", "label without an image", "labelsTr/hippocampus_999.nii.gz"),
        ("hippocampus_005", "the subject has 2 images", "hippocampus_005.nii.gz"),
        ("hippocampus_007", "the label has 3 x 3 x 3 samples", "labelsTr/hippocampus_007.nii.gz"),
        ("hippocampus_009", "empty label: the label marks 0 of", "labelsTr/hippocampus_009.nii.gz"),
        ("", "6 usable scans (images) of 6 subjects (persons), the manifest expects 10 scans", ""),
    ):
        fitting = [row for row in rows if row["subject"] == subject and words in row["reason"]]
        assert fitting, f"{subject}: {words}"
        assert all(file in row["file"] and row["remedy"] for row in fitting)
    assert "hippocampus_007" in built.log.partition("Unexpected")[2], "the summary lists unexpected rows"


def test_neither_a_comment_nor_another_mirror_runs_anything_again(built):
    manifest = built.root / "manifests" / "WBC-CV.yaml"
    original = manifest.read_text()
    shutil.copytree(built.root / "mirror", built.root / "other mirror")
    try:
        manifest.write_text(f"# a comment\n{original}")
        assert NOTHING in snakemake(built.config(mirror=str(built.root / "other mirror"))).stdout
    finally:
        manifest.write_text(original)
        built.config()


def test_a_changed_fact_or_setting_runs_what_it_affects(built):
    manifest = built.root / "manifests" / "WBC-CV.yaml"
    original = manifest.read_text()
    try:
        manifest.write_text(original.replace("255: nucleus", "255: core"))
        run = snakemake(built.config(synthetic={"tasks": 3, "subjects": 7, "seed": 0}), "-n")
        assert jobs(run) == {
            *((rule, "WBC-CV") for rule in ("match", "shard", "store", "sheet")),
            *((rule, "Synthetic") for rule in ("synthetic", "store", "sheet")),
            ("catalogue", ""),
            ("gallery", ""),
            ("all", ""),
        }
        manifest.write_text(original)
        run = snakemake(built.config(min_pixels=2), "-n")
        assert jobs(run) == {
            *(("shard", name) for name in DATASETS if name != "Synthetic"),
            *((rule, name) for rule in ("store", "sheet") for name in DATASETS),
            ("catalogue", ""),
            ("gallery", ""),
            ("all", ""),
        }
    finally:
        manifest.write_text(original)
        built.config()


def test_a_dry_run_needs_no_data(tmp_path):
    config, settings = tmp_path / "config.yaml", {"root": str(tmp_path / "none")}
    config.write_text(yaml.safe_dump({**settings, "datasets": ["WBC-JTSC", "Synthetic"]}))
    run = snakemake(config, "-n")
    assert {("fetch", "WBC-JTSC"), ("store", "WBC-JTSC"), ("synthetic", "Synthetic"), ("catalogue", "")} <= jobs(run)
    assert not (tmp_path / "none").exists()
    config.write_text(yaml.safe_dump(settings))
    short = snakemake(config, "-n", "--quiet", "rules").stdout
    assert re.search(r"^shard +\d{3}$", short, re.MULTILINE), "counts of jobs"
    assert len(short.splitlines()) < 80, "hundreds of jobs, but no lines for each"


def test_the_slurm_profile_fits_the_workflow(tmp_path):
    pytest.importorskip("snakemake_executor_plugin_slurm")
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump({"root": str(tmp_path / "none"), "datasets": ["WBC-CV"]}))
    line = [sys.executable, "-m", "snakemake", "--profile", "profiles/slurm", "--configfile", str(config), "-n"]
    run = subprocess.run(line, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "runtime=240" in run.stdout + run.stderr


def test_the_job_for_kubernetes_fits_the_workflow(tmp_path):
    """Its command and settings, as a dry run. No cluster runs it."""
    settings, job = yaml.safe_load_all((CHECKOUT / "profiles/kubernetes/job.yaml").read_text())
    (container,) = job["spec"]["template"]["spec"]["containers"]
    config = tmp_path / "settings.yaml"
    config.write_text(settings["data"]["settings.yaml"].replace("/data", str(tmp_path / "data")))
    program, *options = container["command"]
    assert program == ".venv/bin/snakemake"
    options = [str(config) if option == "/settings/settings.yaml" else option for option in options]
    line = [sys.executable, "-m", "snakemake", *options, "-n", "--quiet", "rules"]
    run = subprocess.run(line, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert re.search(r"^shard +\d{3}$", run.stdout + run.stderr, re.MULTILINE)
    volumes = {volume["name"] for volume in job["spec"]["template"]["spec"]["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes


def add_truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def add_escaping_member(path: Path) -> None:
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../../escaped/Dataset 2/evil.txt", "evil")


def add_broken_dataset(world: World, name: str, damage: Callable[[Path], None]) -> Path:
    """A dataset with an archive of its own that is damaged before its digest is put into the manifest."""
    archive = world.root / "mirror" / name / world.zip.name
    archive.parent.mkdir()
    shutil.copy(world.zip, archive)
    damage(archive)
    world.add_manifest(name, "WBC-CV", archive)
    return archive


def test_datasets_with_errors_do_not_stop_the_others(tmp_path):
    """Bad archives are errors; with `strict`, so are unexpected rows. The messages are no tracebacks."""
    world = World(tmp_path)
    add_broken_dataset(world, "Truncated", add_truncated)
    add_broken_dataset(world, "Escaping", add_escaping_member)
    changed = add_broken_dataset(world, "Changed", lambda path: None)
    changed.write_bytes(changed.read_bytes() + b" ")
    damage_hippocampus(world)
    datasets = ["Truncated", "Escaping", "Changed", "MSD-Hippocampus", "BBBC003"]
    run = snakemake(world.config(datasets=datasets, strict=True, chunks=1), check=False)
    assert run.returncode != 0
    assert "Traceback" not in run.stdout
    logs = {path.stem: path.read_text() for path in (tmp_path / "out" / "logs").glob("[fus]*/*.log")}
    for name, words in (("Truncated", "Truncated"), ("Escaping", "escaped"), ("Changed", "expected")):
        assert world.zip.name in logs[name]
        assert words in logs[name]
        assert logs[name].strip() in run.stdout, "the log of a failed job is shown"
    assert "`strict` is set" in logs["MSD-Hippocampus"]
    report = tmp_path / "out" / "reports" / "attrition" / "MSD-Hippocampus.csv"
    assert str(report) in logs["MSD-Hippocampus"]
    assert any(row.unexpected for row in attrition.read(report)), "Snakemake keeps the report of a job that failed"
    assert [path.name for path in (tmp_path / "out" / "stores").glob("*.lmdb")] == ["BBBC003.lmdb"]
    assert not list(tmp_path.rglob("evil.txt"))
