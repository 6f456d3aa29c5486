"""A clinic for tests: scans, fake programs of FreeSurfer and its licence below one folder, and the stages on them."""

import json
import os
import subprocess
from pathlib import Path

import fake_freesurfer
import numpy as np

from pipeline.build.shard import shard
from pipeline.build.store import store
from pipeline.config import Config, Segmenting, write_config
from pipeline.match.freesurfer import segmented, to_segment
from pipeline.match.stage import match
from universeg.store import Store

MANIFEST_FOLDER = Path(__file__).parent.parent / "dataset_manifests"
SHAPE = (16, 18, 20)


def head(bright=(4, 8, 10), half=(11, 8, 10)) -> np.ndarray:
    """A dim head with a bright structure at the left and a half bright one at the right, in RAS+ order."""
    values = np.full(SHAPE, 30, "u1")
    for (x, y, z), value in ((bright, 200), (half, 100)):
        values[x - 2 : x + 3, y - 3 : y + 4, z - 4 : z + 5] = value
    return values


def manifest_of(name: str) -> Path:
    return MANIFEST_FOLDER / f"{name}.yaml"


class Clinic:
    """Scans, the fake programs of FreeSurfer and its licence below one folder; and how to run the stages on them."""

    def __init__(self, root: Path) -> None:
        self.root, self.scans, self.licence = root, root / "raw scans", root / "license.txt"
        self.out, self.programs = root / "out", fake_freesurfer.install(root / "bin")
        self.licence.write_text("valid")
        self.path = f"{self.programs}:/usr/bin:/bin"

    @property
    def environment(self) -> dict[str, str]:
        """For subprocesses that start the fake programs; it also prepares their results."""
        fake_freesurfer.prepare(self.scans, self.root / "results")
        fakes = {"FAKE_CALLS": str(self.root / "calls"), "FAKE_RESULTS": str(self.root / "results")}
        return {**os.environ, **fakes, "PATH": self.path, "OMP_NUM_THREADS": "1"}

    @property
    def calls(self) -> list[str]:
        """A line for each run of a program: its name and its input."""
        path = self.root / "calls"
        return sorted(path.read_text().splitlines()) if path.exists() else []

    def config(self, tool: str = "synthseg", licence: Path | None = None) -> Path:
        segment = Segmenting(tool=tool, licence=licence or self.licence)
        write_config(Config(root=self.out, resolution=32, chunks=1, segment=segment), self.out / "config.json")
        return self.out / "config.json"

    def run(self, manifest: Path, tool: str) -> subprocess.CompletedProcess[str]:
        """Both stages for a dataset of one chunk, and between them the script."""
        config, raw, script = self.config(tool), self.out / "raw.json", self.out / "scripts" / "0.sh"
        raw.write_text(json.dumps({"root": str(self.scans)}))
        to_segment(config, manifest, raw, 0, script)
        run = subprocess.run(["bash", script], env=self.environment, capture_output=True, text=True, check=False)
        segmented(config, raw, script.parent, self.out / "files.json")
        return run

    def store(self, manifest: Path) -> Store:
        out, config = self.out, self.config()
        match(manifest, out / "files.json", out / "scans.json")
        shard(config, manifest, out / "scans.json", 0, out / "0.lmdb")
        store(config, manifest, (out / "0.lmdb",), out / "s.lmdb", out / "r.csv", scans=out / "scans.json")
        return Store(out / "s.lmdb")
