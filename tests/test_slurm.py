"""The workflow and training on a real Slurm cluster, which this machine runs for the test: `make test-slurm`."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import slurm_cluster
import yaml
from workflow import CHECKOUT, World, run_stages

from pipeline.config import Config

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.timeout(900),
    pytest.mark.skipif(bool(slurm_cluster.missing()), reason=slurm_cluster.missing()),
]

DATASETS = ["WBC-CV", "MSD-Hippocampus", "Synthetic"]
# Accounting is off, so `squeue` tells the state of jobs. The other options only make the test short.
OPTIONS = (  # noqa: SIM905
    "--slurm-status-command squeue --slurm-init-seconds-before-status-checks 2 --seconds-between-status-checks 2"
    " --latency-wait 5 --default-resources runtime=10 mem_mb=500"
    " --set-resources shard:mem_mb=500 synthetic:mem_mb=500"
).split()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with slurm_cluster.Cluster(tmp_path_factory.mktemp("slurm"), cpus=4) as running:
        yield running


def login_process(cluster: slurm_cluster.Cluster, config: Path, log: Path) -> subprocess.Popen[bytes]:
    """`snakemake --profile profiles/slurm`, as on a login node."""
    command = [sys.executable, "-m", "snakemake", "--profile", "profiles/slurm", "--configfile", str(config), *OPTIONS]
    with log.open("ab") as out:
        return subprocess.Popen(command, cwd=CHECKOUT, env=cluster.env, stdout=out, stderr=out, start_new_session=True)


def wait_for(condition, seconds: float = 240) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


def test_a_killed_build_continues_to_the_same_stores(cluster, tmp_path):
    world = World(tmp_path / "world")
    world.datasets = DATASETS
    config, out, log = world.config(), world.root / "out", tmp_path / "snakemake.log"
    login = login_process(cluster, config, log)
    wait_for(lambda: "RUNNING" in cluster.run("squeue", "--noheader", "--format=%T") or login.poll() is not None)
    assert login.poll() is None, log.read_text()
    for job in cluster.run("squeue", "--noheader", "--states=RUNNING", "--format=%A").split()[:1]:
        cluster.run("scancel", "--signal=KILL", job)
    wait_for(lambda: list(out.glob("shards/*/*.lmdb*")) or login.poll() is not None)
    os.killpg(login.pid, signal.SIGKILL)
    login.wait()
    assert not (out / "reports/catalogue.csv").exists(), "killed in the middle"
    again = login_process(cluster, config, log)
    assert again.wait() == 0, log.read_text()
    submitted = log.read_text().count("submitted with SLURM jobid")
    assert submitted >= 2 * len(DATASETS), "stages run as jobs"
    assert (out / "reports/catalogue.csv").exists()
    assert not list(out.rglob("*.part"))
    for name in DATASETS[:2]:
        settings = {**yaml.safe_load(config.read_text()), "root": tmp_path / name}
        run_stages(world.root / "manifests" / f"{name}.yaml", Config(**settings))
        assert (tmp_path / name / f"{name}.lmdb").read_bytes() == (out / "stores" / f"{name}.lmdb").read_bytes()


def test_two_processes_train_under_srun_and_continue(cluster, tmp_path):
    """As docs/how-to/cluster.md has it, with two processes on one node and without a GPU."""
    script, torchrun = tmp_path / "train.sbatch", Path(sys.executable).parent / "torchrun"

    def train(steps: int) -> None:
        port = slurm_cluster.free_ports(1)[0]
        script.write_text(
            f"""#!/bin/bash
srun --ntasks=1 {torchrun} --nnodes 1 --nproc-per-node 2 --rdzv-id "$SLURM_JOB_ID" --rdzv-backend c10d \\
    --rdzv-endpoint 127.0.0.1:{port} -m universeg train --synthetic F0 --size 32 --model.widths 4 4 \\
    --support-size 2 --batch-size 2 --steps {steps} --dev-episodes 2 --out {tmp_path}/run --device cpu --quiet
"""
        )
        log = tmp_path / f"{steps}.log"
        options = ("--wait", "--ntasks=1", "--cpus-per-task=2", f"--output={log}", f"--chdir={CHECKOUT}")
        cluster.run("sbatch", *options, str(script), check=False)
        last = tmp_path / f"run/checkpoints/step-{steps:08d}.pt"
        assert last.exists(), log.read_text()

    train(2)
    first = (tmp_path / "run/metrics.jsonl").read_text()
    train(4)
    assert (tmp_path / "run/metrics.jsonl").read_text().startswith(first), "the second job continued the run"
