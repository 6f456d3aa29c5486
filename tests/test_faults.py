"""Builds on a full or read-only disk, with little memory, with changed clocks and files, and two at once.

Each fault must end with a sentence that names the file and the remedy, and leave no half-written file under its final
name. After it the same command must finish, and its stores must be those of an undisturbed build.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import small_disk
import yaml
from workflow import CHECKOUT, World, run_stages, snakemake

from pipeline.config import Config, claim, write_config
from universeg.base.rng import rng_for
from universeg.store import Store, StoreError
from universeg.store.__main__ import problems

REMEDY = re.compile(r"make room|free (some )?(disk )?space|the free space|choose a folder|permissions")
YEAR = 365 * 24 * 3600


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Small datasets, and the stores of undisturbed builds in `whole`."""
    made = World(tmp_path_factory.mktemp("faults"))
    made.datasets = ["WBC-CV", "BBBC003"]
    made.whole = {}
    for name in made.datasets:
        build(made, name, made.root / f"whole {name}")
        made.whole[name] = (made.root / f"whole {name}" / f"{name}.lmdb").read_bytes()
    return made


def build(world: World, name: str, root: Path) -> bytes:
    """All stages of one dataset in this process; returns the store."""
    settings = yaml.safe_load(world.config().read_text())
    config = Config(**{**settings, "root": root, "chunks": 1})
    run_stages(world.root / "manifests" / f"{name}.yaml", config)
    return (root / f"{name}.lmdb").read_bytes()


def stores(world: World, out: Path) -> dict[str, bytes]:
    return {name: (out / "stores" / f"{name}.lmdb").read_bytes() for name in world.datasets}


def whole(path: Path) -> bool:
    """Whether a file under its final name can be read to its end."""
    if path.suffix == ".lmdb":
        return not list(problems(Store(path))) if path.parent.name == "stores" else bool(path.stat().st_size)
    if path.suffix == ".json":
        return bool(json.loads(path.read_text()))
    return True


@small_disk.needed
def test_a_full_disk_at_any_moment(world, tmp_path):
    """The disk is a page larger in each round, so that each write of each stage fails once."""
    needed = sum(path.stat().st_size for path in (world.root / "whole WBC-CV").rglob("*") if path.is_file()) // 1024
    messages = set()
    for kilobytes in range(4, needed + 128, 12):
        with small_disk.small_disk(tmp_path / "disk", kilobytes) as disk:
            try:
                assert build(world, "WBC-CV", disk.folder) == world.whole["WBC-CV"]
                continue
            except (ValueError, OSError) as error:
                message = str(error)
            assert str(disk.folder) in message, message
            assert REMEDY.search(message), message
            messages.add(message.replace(str(kilobytes), ""))
            assert all(map(whole, (path for path in disk.folder.glob("*.json")))), message
            disk.resize(64 * 1024)
            assert build(world, "WBC-CV", disk.folder) == world.whole["WBC-CV"]
    assert len(messages) >= 6, "downloads, archives, notes, shards and stores"


@small_disk.needed
@pytest.mark.weekly
def test_the_workflow_on_a_full_and_on_a_read_only_disk(world, tmp_path):
    out = world.root / "disk"
    with small_disk.small_disk(out, 180) as disk:
        disk.may_write(False)
        refused = snakemake(world.config("disk"), check=False)
        assert refused.returncode != 0
        assert f"{out}: cannot be written (Read-only file system)" in refused.stdout
        disk.may_write(True)
        full = snakemake(world.config("disk"), check=False)
        assert full.returncode != 0
        assert "Traceback" not in full.stdout
        assert REMEDY.search(full.stdout), full.stdout
        assert all(map(whole, (path for path in out.rglob("*.lmdb"))))
        disk.resize(64 * 1024)
        snakemake(world.config("disk"))
        assert stores(world, out) == world.whole
        assert not list(out.rglob("*.part"))


@pytest.mark.weekly
def test_two_runs_clocks_and_edited_files(world):
    """One root: a second run, files from the future and the past, notes that were edited, truncated or emptied."""
    config, out = world.config(), world.root / "out"
    held = claim(out)
    second = snakemake(config, check=False)
    assert second.returncode != 0
    assert f"{out}: another run works in this folder (process {os.getpid()} on " in second.stdout
    assert "wait until it ends, or set another `root`" in second.stdout
    assert not (out / "stores").exists()
    held.release()
    snakemake(config)
    assert stores(world, out) == world.whole

    rng = rng_for("clock")
    for path in sorted(path for path in out.rglob("*") if path.is_file()):
        shifted = path.stat().st_mtime + float(rng.uniform(-YEAR, YEAR))
        os.utime(path, (shifted, shifted))
    snakemake(config)
    assert stores(world, out) == world.whole

    receipt, scans = out / "receipts/WBC-CV.json", out / "scans/BBBC003.json"
    facts = json.loads(receipt.read_text())
    facts["files"][0]["sha256"] = "0" * 64
    receipt.write_text(json.dumps(facts))
    scans.write_text(scans.read_text()[:100])
    for path in (receipt, scans):  # later than all others, also those from the future
        os.utime(path, (path.stat().st_mtime + 2 * YEAR,) * 2)
    edited = snakemake(config, check=False)
    assert "Traceback" not in edited.stdout
    for path in (receipt, scans):
        assert f"{path}: " in edited.stdout, edited.stdout
    assert "delete it and run again" in edited.stdout
    assert edited.returncode != 0
    receipt.unlink()
    scans.unlink()
    snakemake(config)
    assert stores(world, out) == world.whole


@pytest.mark.slow
@pytest.mark.parametrize("megabytes", [140, 400, 1500])
def test_a_stage_with_little_memory_ends_with_a_store_or_a_sentence(world, tmp_path, megabytes):
    root = world.root / "whole BBBC003"
    options = ["--config", root / "config.json", "--manifest", world.root / "manifests/BBBC003.yaml"]
    command = [sys.executable, "-m", "pipeline", "shard", *options, "--scans", root / "scans.json", "--chunk", "0"]
    limited = f'ulimit -v {megabytes * 1024}; exec "$@"'
    run = subprocess.run(
        ["sh", "-c", limited, "sh", *map(str, command), "--out", tmp_path / "shard.lmdb"],
        cwd=CHECKOUT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in run.stderr
    if run.returncode:
        assert megabytes < 1000
        assert re.search(r"memory", run.stderr, re.IGNORECASE), run.stderr
        assert not list(tmp_path.glob("*.lmdb"))
    else:
        assert (tmp_path / "shard.lmdb").read_bytes() == (root / "shards/0.lmdb").read_bytes()


def test_a_lock_ends_with_its_process(tmp_path):
    code = "import sys, pathlib, os, signal; from pipeline.config import claim; lock = claim(pathlib.Path(sys.argv[1]))"
    subprocess.run(
        [sys.executable, "-c", f"{code}; os.kill(os.getpid(), signal.SIGKILL)", tmp_path], cwd=CHECKOUT, check=False
    )
    assert (tmp_path / ".run.lock").read_text().startswith("process ")
    claim(tmp_path).release()


def test_every_truncation_and_flip_of_a_store_is_found_or_changes_nothing(world, tmp_path):
    """Flips of unused bytes change nothing. What is changed is found, and nothing ends the process."""
    good, path, rng = world.whole["BBBC003"], tmp_path / "s.lmdb", rng_for("store faults")
    (tmp_path / "good.lmdb").write_bytes(good)
    reference = Store(tmp_path / "good.lmdb")
    content = [reference.header, sorted(reference.packed()), sorted(reference.packed_origins())]
    for length in sorted({0, 1, *rng.integers(0, len(good) - 1, 40).tolist()}):
        path.write_bytes(good[:length])
        with pytest.raises(StoreError, match=re.escape(str(path))):
            list(problems(Store(path)))
        path.unlink()
    messages: list[str] = []
    for at in rng.integers(0, 8 * len(good), 80).tolist():
        flipped = bytearray(good)
        flipped[at // 8] ^= 1 << at % 8
        path.write_bytes(flipped)
        try:
            store = Store(path)
            if not list(problems(store)):
                assert [store.header, sorted(store.packed()), sorted(store.packed_origins())] == content, at
        except StoreError as error:
            messages.append(str(error))
        path.unlink()
    assert all(str(path) in message for message in messages), messages


def test_settings_on_a_disk_that_refuses_large_files(tmp_path):
    code = (
        "import resource, pathlib, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))\n"
        "from pipeline.config import Config, write_config\n"
        "write_config(Config(), pathlib.Path('config.json'))"
    )
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT), "PYTHONDONTWRITEBYTECODE": "1"}
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert "config.json cannot be written: File too large. No file was made; raise the limit" in run.stderr
    assert not list(tmp_path.iterdir())
    write_config(Config(), tmp_path / "config.json")
