"""All experiments as jobs of Snakemake: a killed run continues, and what is done is not done again."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from universeg.model import ModelConfig, UniverSeg, save_model

CHECKOUT = Path(__file__).parents[3]
DONE = ("ensembles/universeg-1.json", "ensembles/universeg-2.json", "table-9/table.md", "table-9/figure.png")


@pytest.mark.weekly
def test_a_killed_grid_continues_and_ends(experiment_stores, tmp_path):
    save_model(UniverSeg(ModelConfig((4, 4))), tmp_path / "w.safetensors")
    out = tmp_path / "out"
    settings = {
        "stores": experiment_stores, "out": out, "scale": "tiny", "device": "cpu", "experiments": "figure-9",
        "weights": tmp_path / "w.safetensors", "options": "--datasets Other",
    }  # fmt: skip
    words = ["--snakefile", "universeg/experiments/Snakefile", "--cores", "1", "--config"]
    command = [sys.executable, "-m", "snakemake", *words, *(f"{name}={value}" for name, value in settings.items())]
    with subprocess.Popen(command, cwd=CHECKOUT, start_new_session=True, stderr=subprocess.DEVNULL) as run:
        while run.poll() is None and not (out / DONE[0]).exists():
            time.sleep(0.05)
        os.killpg(run.pid, signal.SIGKILL)
    assert not (out / DONE[2]).exists(), "it was not killed before its end"
    for again in (False, True):
        before = {name: (out / name).stat().st_mtime_ns for name in DONE if again}
        ended = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr
        assert before.items() <= {name: (out / name).stat().st_mtime_ns for name in DONE}.items()
    assert "Scale tiny" in (out / DONE[2]).read_text()
