"""The workflow on tiny fake data: raw data, a mirror, manifests and a config in one folder; and functions to run it."""

import csv
import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import fakes
import yaml

from pipeline.build.shard import shard
from pipeline.build.store import store
from pipeline.config import Config, write_config
from pipeline.fetch.stage import fetch
from pipeline.match.stage import match
from pipeline.unpack.stage import unpack
from universeg.store import Store

CHECKOUT = Path(__file__).parent.parent


def command(config: Path, *options: str) -> list[str]:
    """The command line of a run with this config."""
    return [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", str(config), *options]


def snakemake(config: Path, *options: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the workflow; standard output and standard error are both in `stdout`."""
    run = subprocess.run(
        command(config, *options),
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert not check or run.returncode == 0, run.stdout
    return run


def run_stages(manifest: Path, config: Config) -> Store:
    """Build the store of one dataset in this process: the same stages as the workflow, without Snakemake."""
    root = config.root
    settings, receipt, raw, scans = (root / f"{name}.json" for name in ("config", "receipt", "raw", "scans"))
    write_config(config, settings)
    fetch(settings, manifest, receipt)
    unpack(settings, manifest, receipt, raw)
    match(manifest, raw, scans)
    shards = tuple(root / "shards" / f"{chunk}.lmdb" for chunk in range(config.chunks))
    for chunk, path in enumerate(shards):
        shard(settings, manifest, scans, chunk, path)
    out = root / f"{manifest.stem}.lmdb"
    store(settings, manifest, shards, out, root / "attrition.csv", receipt, scans)
    return Store(out)


class World:
    """Raw data, a mirror, manifests with fitting counts and digests, and configs: all in one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.zip = fakes.wbc(root / "mirror")
        self.have = {
            "MSD-Hippocampus": fakes.hippocampus(root / "hippocampus"),
            "BBBC003": fakes.bbbc003(root / "bbbc"),
        }
        self.datasets = ["WBC-JTSC", "WBC-CV", "MSD-Hippocampus", "BBBC003", "Synthetic"]
        for name in self.datasets:
            self.add_manifest(name, name, self.zip)

    def add_manifest(self, name: str, like: str, archive: Path) -> Path:
        """Write the manifest of the dataset `like` as that of `name`, with the real counts, size and digest."""
        text = (
            (CHECKOUT / "dataset_manifests" / f"{like}.yaml").read_text().replace(f"name: {like}\n", f"name: {name}\n")
        )
        count = {"WBC-JTSC": 12, "WBC-CV": 6, "MSD-Hippocampus": 10, "BBBC003": 5}.get(like, 0)
        text = re.sub(r"expect: .*", f"expect: {{scans: {count}, subjects: {count}}}", text)
        if like.startswith("WBC"):
            text = text.replace("- name: WBC\n", f"- name: {archive.parent.name}\n")
            text = re.sub(r"bytes: \d+", f"bytes: {archive.stat().st_size}", text)
            text = re.sub(r"sha256:\w+", f"sha256:{hashlib.sha256(archive.read_bytes()).hexdigest()}", text)
        path = self.root / "manifests" / f"{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    def config(self, out: str = "out", **changes: object) -> Path:
        """Write a config whose root is the folder `out`; returns the path."""
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
