"""The workflow on tiny fake trees: raw data, a mirror, manifests and a config below one folder; and how to run it."""

import csv
import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import fakes
import yaml

from universeg.store import Store

CHECKOUT = Path(__file__).parent.parent


def snakemake(config: Path, *options: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", str(config), *options]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    run = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, env=environment, check=False)
    assert not check or run.returncode == 0, run.stdout + run.stderr
    return run


class World:
    """Raw data, a mirror, manifests whose counts and digests fit them, and a config: all below one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.zip = fakes.wbc(root / "mirror")
        self.have = {
            "MSD-Hippocampus": fakes.hippocampus(root / "hippocampus"),
            "BBBC003": fakes.bbbc003(root / "bbbc"),
        }
        self.datasets = ["WBC-JTSC", "WBC-CV", "MSD-Hippocampus", "BBBC003", "Synthetic"]
        (root / "manifests").mkdir()
        for name in self.datasets:
            text = (CHECKOUT / "dataset_manifests" / f"{name}.yaml").read_text()
            (root / "manifests" / f"{name}.yaml").write_text(self._fitted(name, text))

    def _fitted(self, name: str, text: str) -> str:
        count = {"WBC-JTSC": 12, "WBC-CV": 6, "MSD-Hippocampus": 10, "BBBC003": 5}.get(name, 0)
        text = re.sub(r"expect: .*", f"expect: {{scans: {count}, subjects: {count}}}", text)
        text = re.sub(r"bytes: \d+", f"bytes: {self.zip.stat().st_size}", text)
        if name.startswith("WBC"):
            text = re.sub(r"sha256:\w+", f"sha256:{hashlib.sha256(self.zip.read_bytes()).hexdigest()}", text)
        return text

    def config(self, out: str = "out", **changes: object) -> Path:
        settings = {
            "root": str(self.root / out),
            "manifests": [str(self.root / "manifests")],
            "datasets": self.datasets,
            "mirror": str(self.root / "mirror"),
            "have": {name: str(folder) for name, folder in self.have.items()},
            "resolution": 32,
            "chunks": 2,
            "synthetic": {"tasks": 3, "subjects": 6, "seed": 0},
            **changes,
        }
        path = self.root / f"{out}.yaml"
        path.write_text(yaml.safe_dump(settings))
        return path

    def store(self, name: str, out: str = "out") -> Store:
        return Store(self.root / out / "stores" / f"{name}.lmdb")

    def attrition(self, name: str, out: str = "out") -> list[dict[str, str]]:
        with (self.root / out / "reports" / "attrition" / f"{name}.csv").open(newline="") as file:
            return list(csv.DictReader(file))
