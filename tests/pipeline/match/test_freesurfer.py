import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import fake_freesurfer
import numpy as np
import pytest
import yaml
from layouts.freesurfer import recon
from layouts.writers import dicom, mgz, nifti

from pipeline import __main__ as stages
from pipeline.config import Config, Segmenting, plan
from pipeline.manifest.schema import load_manifest, load_manifests
from pipeline.match.freesurfer import Unlabelled, unlabelled
from universeg.store import Store

MANIFESTS = load_manifests(Path("dataset_manifests"))
SHAPE = (16, 18, 20)


def head(bright=(4, 8, 10), half=(11, 8, 10)) -> np.ndarray:
    """A dim head with a bright structure at the left and a half bright one at the right, in RAS+ order."""
    values = np.full(SHAPE, 30, "u1")
    for (x, y, z), value in ((bright, 200), (half, 100)):
        values[x - 2 : x + 3, y - 3 : y + 4, z - 4 : z + 5] = value
    return values


class Clinic:
    """ScanPattern, FreeSurfer's programs and its licence below one folder."""

    def __init__(self, root: Path) -> None:
        self.root, self.raw, self.licence = root, root / "raw scans", root / "license.txt"
        self.bin = fake_freesurfer.install(root / "bin")
        self.licence.write_text("valid")
        self.path = f"{self.bin}:/usr/bin:/bin"

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "PATH": self.path, "CALLS": str(self.root / "calls"), "OMP_NUM_THREADS": "1"}

    @property
    def calls(self) -> list[str]:
        path = self.root / "calls"
        return sorted(path.read_text().splitlines()) if path.exists() else []

    def run(self, name: str, tool: str, manifest: Path | None = None) -> subprocess.CompletedProcess[str]:
        """The three stages for a dataset of one chunk."""
        out, facts = self.root / "out", manifest or Path(f"dataset_manifests/{name}.yaml")
        stages.unpack(facts, out, out / "raw.json", have=self.raw)
        script = out / "made" / "0.sh"
        stages.to_segment(facts, out / "raw.json", tool, self.licence, 0, 1, script)
        run = subprocess.run(["bash", script], env=self.environment, capture_output=True, text=True, check=False)
        stages.segmented(out / "raw.json", tool, out / "made", out / "files.json")
        return run

    def store(self, name: str) -> Store:
        out, facts = self.root / "out", Path(f"dataset_manifests/{name}.yaml")
        stages.scans(facts, out / "files.json", out / "scans.json")
        stages.shard(facts, out / "scans.json", 0, 1, out / "0.lmdb", 32)
        stages.store(facts, (out / "0.lmdb",), out / "s.lmdb", out / "r.csv", scans=out / "scans.json", size=32)
        return Store(out / "s.lmdb")


@pytest.fixture
def clinic(tmp_path):
    return Clinic(tmp_path)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("tool", ["synthseg", "freesurfer"])
def test_only_what_lacks_labels_is_made_once_and_the_scans_stay_as_they_are(clinic, tool):
    nifti(clinic.raw / "t1" / "A 1.nii.gz", head())
    mgz(clinic.raw / "fs" / "B2" / "mri" / "orig.mgz", head())
    recon(clinic.raw / "fs", "MCIC", "C3", "C3")
    nifti(clinic.raw / "t1" / "C3.nii.gz", head())  # has its labels elsewhere
    before = tree(clinic.raw)
    for _ in range(2):
        run = clinic.run("MCIC", tool)
        assert run.returncode == 0, run.stderr
    assert tree(clinic.raw) == before
    first = "recon-all" if tool == "freesurfer" else "mri_convert"
    assert [call for call in clinic.calls if call.startswith(first)] == [f"{first} A 1.nii.gz", f"{first} orig.mgz"]
    assert len(clinic.calls) == (2 if tool == "freesurfer" else 6), "the second run made nothing again"
    store = clinic.store("MCIC")
    assert set(store.header["splits"]) == {"A 1", "B2", "C3"}
    for modality in ("T1", "skull-stripped-T1"):
        images, masks = store.read(f"MCIC/MCIC/{modality}/left hippocampus/2", ["A 1", "B2"])
        assert images[masks == 1].mean() > 200 > 120 > images[masks == 0].mean()
    assert json.loads((clinic.root / "out" / "files.json").read_text())["made"] == 2
    assert not list((clinic.root / "out").rglob(".part"))


def test_a_series_as_it_is_downloaded(clinic):
    for patient, series in (("3102", "MPRAGE"), ("40533", "SAG T1 3D")):
        folder = clinic.raw / "PPMI" / patient / series / "2011-03-07_10_12_13.0" / f"I{patient}99"
        dicom(folder, [f"PPMI_{n:03d}.dcm" for n in range(SHAPE[2])], head())
    run = clinic.run("PPMI", "freesurfer")
    assert run.returncode == 0, run.stderr
    store = clinic.store("PPMI")
    subjects = store.subjects("PPMI/PPMI/T1/left hippocampus/2")
    assert subjects == [f"{n}@s_2011-03-07_10_12_13.0_I{n}99" for n in ("3102", "40533")]
    images, masks = store.read("PPMI/PPMI/T1/left hippocampus/2", subjects)
    assert images[masks == 1].mean() > 200 > 120 > images[masks == 0].mean()


def test_one_that_fails_stops_no_other_and_is_named(clinic, tmp_path):
    for name in ("A1", "broken", "C3"):
        nifti(clinic.raw / f"{name}.nii.gz", head())
    for _ in range(2):
        run = clinic.run("MCIC", "synthseg")
        assert run.returncode != 0
        assert "broken.nii.gz: synthseg made no labels of it" in run.stderr
        assert "known_bad" in run.stderr
    assert len(clinic.calls) == 6
    text = Path("dataset_manifests/MCIC.yaml").read_text()
    manifest = tmp_path / "MCIC.yaml"
    manifest.write_text(f'{text}    known_bad: {{broken: "recon-all fails"}}\n')
    assert clinic.run("MCIC", "synthseg", manifest).returncode == 0


def test_a_half_made_one_is_made_anew(clinic):
    nifti(clinic.raw / "A1.nii.gz", head())
    left = clinic.root / "out" / "made" / "freesurfer" / "A1"
    for folder in (".part/scan/mri", "mri"):
        (left / folder).mkdir(parents=True)
        (left / folder / "orig.mgz").write_bytes(b"cut sho")
    assert clinic.run("MCIC", "freesurfer").returncode == 0
    assert [path.name for path in sorted(left.rglob("*.mgz"))] == ["aseg.mgz", "norm.mgz", "orig.mgz"]
    assert "left hippocampus" in str(clinic.store("MCIC").tasks)


def test_without_the_program_the_message_says_how_to_have_it(clinic):
    nifti(clinic.raw / "A1.nii.gz", head())
    clinic.path = "/usr/bin:/bin"
    run = clinic.run("MCIC", "synthseg")
    assert run.returncode == 1
    assert "no program mri_convert: run snakemake with --sdm apptainer, or install FreeSurfer" in run.stderr


def test_with_all_labels_there_no_program_is_needed(clinic):
    recon(clinic.raw, "MCIC", "A1", "A1")
    clinic.path = "/usr/bin:/bin"
    assert clinic.run("MCIC", "freesurfer").returncode == 0


def test_freesurfers_own_subject_is_none(tmp_path):
    for name in ("fsaverage", "A1"):
        mgz(tmp_path / name / "mri" / "orig.mgz", head())
    assert unlabelled(MANIFESTS["MCIC"], tmp_path) == [Unlabelled("A1", "A1/mri/orig.mgz")]


def test_two_scans_of_one_name_are_an_error(tmp_path):
    for name in ("1", "2"):
        dicom(tmp_path / "3102" / f"series {name}" / "2011" / "I7", ["a.dcm", "b.dcm"], head()[:, :, :2])
    with pytest.raises(ValueError, match=r"4 scans for one folder 3102_2011_I7: 3102/series 1/.*keep one of them"):
        unlabelled(MANIFESTS["PPMI"], tmp_path)


def test_a_folder_that_the_label_pattern_does_not_know_is_an_error(tmp_path):
    manifest = tmp_path / "PPMI.yaml"
    text = Path("dataset_manifests/PPMI.yaml").read_text()
    manifest.write_text(text.replace("into: '{patient}_{date}_{id}'", "into: 'x'"))
    dicom(tmp_path / "raw" / "3102" / "T1" / "2011" / "I7", ["a.dcm"], head()[:, :, :1])
    with pytest.raises(ValueError, match=r"segment writes x/mri/aseg.mgz, which is no '\{patient\}\{session\}/mri"):
        unlabelled(load_manifest(manifest), tmp_path / "raw")


def test_into_names_only_parts(tmp_path):
    manifest = tmp_path / "MCIC.yaml"
    text = Path("dataset_manifests/MCIC.yaml").read_text()
    manifest.write_text(text.replace("into: '{subject}'", "into: '{person}'"))
    with pytest.raises(ValueError, match=r"into '\{person\}' uses \['person'\]"):
        load_manifest(manifest)


def test_without_a_licence_the_dataset_waits_and_the_others_do_not(tmp_path):
    have = {"MCIC": tmp_path}
    wanted = ("MCIC", "WBC-CV")
    for licence, words in ((None, "FreeSurfer's licence: register at"), (tmp_path / "gone", f"not at {tmp_path}/gone")):
        segment = Segmenting(tool="freesurfer", licence=licence)
        waiting = plan(Config(root=tmp_path, have=have, datasets=wanted, segment=segment), MANIFESTS)
        assert waiting.build == ["WBC-CV"]
        assert words in waiting.waiting["MCIC"]
        assert "https://surfer.nmr.mgh.harvard.edu/registration.html" in waiting.waiting["MCIC"]
    (tmp_path / "license.txt").touch()
    for segment in (Segmenting(), Segmenting(tool="synthseg", licence=tmp_path / "license.txt")):
        assert "MCIC" in plan(Config(root=tmp_path, have=have, datasets=wanted, segment=segment), MANIFESTS).build


def snakemake(clinic: Clinic, *options: str, **segment: str) -> str:
    config = clinic.root / "config.yaml"
    settings = {
        "root": str(clinic.root / "data"), "datasets": ["MCIC"], "have": {"MCIC": str(clinic.raw)}, "resolution": 32,
        "chunks": 2, "segment": {"licence": str(clinic.licence), **segment},
    }  # fmt: skip
    config.write_text(yaml.safe_dump(settings))
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", str(config), *options]
    run = subprocess.run(command, env=clinic.environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout + run.stderr


@pytest.mark.slow
def test_the_workflow_makes_labels_where_the_config_says_so(clinic):
    nifti(clinic.raw / "A1.nii.gz", head())
    recon(clinic.raw, "MCIC", "B2", "B2")
    mgz(clinic.raw / "C3" / "mri" / "orig.mgz", head())
    assert "segment" not in snakemake(clinic, "-n", tool="none"), "nobody asked for it"
    assert "segmented/MCIC/1.done" in snakemake(clinic, "-n", tool="synthseg")
    snakemake(clinic, tool="none")
    with (clinic.root / "data" / "reports" / "attrition" / "MCIC.csv").open(newline="") as file:
        (row,) = (row for row in csv.DictReader(file) if row["subject"] == "C3")
    assert row["remedy"].startswith("set `segment` in the config")
    snakemake(clinic, tool="synthseg")
    store = Store(clinic.root / "data" / "stores" / "MCIC.lmdb")
    assert set(store.header["splits"]) == {"A1", "B2", "C3"}
    assert len(clinic.calls) == 6
    assert "Nothing to be done" in snakemake(clinic, tool="synthseg")


APPTAINER = """#!/bin/bash
case $1 in
    --version) echo "apptainer version 1.3.0" ;;
    pull) echo "$*" >> "{root}/pulls"; for image in "$@"; do [[ $image == *.simg ]] && touch "$image"; done; exit 0 ;;
    exec) while [[ $1 != *.simg ]]; do shift; done; shift; PATH="{bin}:/usr/bin:/bin" exec "$@" ;;
esac
"""


@pytest.mark.slow
def test_the_tool_runs_in_the_container_that_the_config_names(clinic):
    nifti(clinic.raw / "A1.nii.gz", head())
    (clinic.root / "host").mkdir()
    program = clinic.root / "host" / "apptainer"
    program.write_text(APPTAINER.format(root=clinic.root, bin=clinic.bin))
    program.chmod(0o755)
    clinic.path = f"{program.parent}:/usr/bin:/bin"  # the tool is in the container only
    options = ("--sdm", "apptainer", "--apptainer-prefix", str(clinic.root / "images"))
    snakemake(clinic, *options, tool="freesurfer", container="docker://fs/fs:7")
    assert "docker://fs/fs:7" in (clinic.root / "pulls").read_text()
    assert clinic.calls == ["recon-all A1.nii.gz"]
    assert "MCIC/MCIC/T1/left hippocampus/0" in Store(clinic.root / "data" / "stores" / "MCIC.lmdb").tasks
