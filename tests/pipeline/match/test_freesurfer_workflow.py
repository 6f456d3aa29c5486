"""The workflow creates labels with FreeSurfer if the config names a tool."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from clinic import Clinic, head, manifest_of
from layouts.freesurfer import recon
from layouts.writers import mgz, nifti

from pipeline.match.scan_files import read_scans

CHECKOUT = Path(__file__).parents[3]

APPTAINER = """#!/bin/bash
case $1 in
    --version) echo "apptainer version 1.3.0" ;;
    pull) echo "$*" >> "{root}/pulls"; for image in "$@"; do [[ $image == *.simg ]] && touch "$image"; done; exit 0 ;;
    exec) while [[ $1 != *.simg ]]; do shift; done; shift; PATH="{programs}:/usr/bin:/bin" exec "$@" ;;
esac
"""


class Workflow:
    """Snakemake on the scans of a clinic, with only the manifest of MCIC; all its files are in the test's folder."""

    def __init__(self, clinic: Clinic) -> None:
        self.clinic, self.data = clinic, clinic.root / "data"
        (clinic.root / "manifests").mkdir()
        (clinic.root / "manifests" / "MCIC.yaml").write_text(manifest_of("MCIC").read_text())
        (clinic.root / "host").mkdir()
        self.apptainer = clinic.root / "host" / "apptainer"
        self.apptainer.write_text(APPTAINER.format(root=clinic.root, programs=clinic.programs))
        self.apptainer.chmod(0o755)

    def run(self, target: str, *options: str, **segment: str) -> str:
        """Build one file below the data folder; return what snakemake printed."""
        root, config = self.clinic.root, self.clinic.root / "config.yaml"
        settings = {
            "root": str(self.data), "manifests": [str(root / "manifests")], "datasets": ["MCIC"], "resolution": 32,
            "have": {"MCIC": str(self.clinic.scans)}, "chunks": 2,
            "segment": {"licence": str(self.clinic.licence), **segment},
        }  # fmt: skip
        config.write_text(yaml.safe_dump(settings))
        command = [
            sys.executable, "-m", "snakemake", str(self.data / target), "--cores", "2", "--directory", str(root),
            "--snakefile", str(CHECKOUT / "Snakefile"), "--configfile", str(config), *options,
        ]  # fmt: skip
        run = subprocess.run(
            command, cwd=CHECKOUT, env=self.clinic.environment, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout + run.stderr


@pytest.mark.slow
def test_the_workflow_creates_missing_labels_with_the_tool_and_container_in_the_config(tmp_path):
    clinic = Clinic(tmp_path)
    nifti(clinic.scans / "A1.nii.gz", head())
    recon(clinic.scans, "MCIC", "B2", "B2")
    mgz(clinic.scans / "C3" / "mri" / "orig.mgz", head())
    workflow = Workflow(clinic)

    def subjects() -> set[str]:
        return {scan.subject for scan in read_scans(workflow.data / "scans" / "MCIC.json")[1]}

    assert "segment" not in workflow.run("scans/MCIC.json", tool="none")
    assert subjects() == {"B2"}

    assert "segmented/MCIC/1.done" in workflow.run("scans/MCIC.json", tool="synthseg")
    assert subjects() == {"A1", "B2", "C3"}
    assert len(clinic.calls) == 6
    assert "Nothing to be done" in workflow.run("scans/MCIC.json", "-n", tool="synthseg")

    clinic.path = f"{workflow.apptainer.parent}:/usr/bin:/bin"  # the programs are in the container only
    options = ("--sdm", "apptainer", "--apptainer-prefix", str(clinic.root / "images"))
    workflow.run("segmented/MCIC/0.done", *options, tool="freesurfer", container="docker://fs/fs:7")
    assert "docker://fs/fs:7" in (clinic.root / "pulls").read_text()
    assert [call for call in clinic.calls if call.startswith("recon-all")] == ["recon-all A1.nii.gz"]
