"""The commands that `kills.py` kills: each stage of a build, a whole build, training, and prediction."""

import shutil
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
import yaml
from kills import PYTHON, Job, renew
from PIL import Image
from workflow import World

from pipeline.config import Config, write_config
from universeg.base.rng import rng_for
from universeg.model import ModelConfig, UniverSeg, save_model

LOGS = ("*.log", "*/log/*", "*/logs/*")
CHUNK = "shards/0"


def jobs(work: Path, names: Collection[str] = ()) -> Iterator[Job]:
    """The named jobs, or all, each measured once; they share the folder `work`/folder, since some results name it."""
    others = {"build": _build, "train": _training, "predict": _prediction}
    if not names or set(names) - others.keys():  # each stage needs the results of those before it
        yield from (job for job in _stages(work) if not names or job.name in names)
    yield from (make(work) for name, make in others.items() if not names or name in names)


def _stages(work: Path) -> Iterator[Job]:
    """The stages of one dataset, each on the results of those before it."""
    folder = work / "folder"
    manifest, config = "{}/manifests/WBC-CV.yaml", "{}/config.json"
    common = ("--config", config, "--manifest", manifest)
    shards = [f"{{}}/{CHUNK}.lmdb"]
    evidence = ("--receipt", "{}/receipt.json", "--scans", "{}/scans.json")
    words: dict[str, tuple[Sequence[str], Sequence[str]]] = {
        "fetch": ((*common, "--out", "{}/receipt.json"), ("receipt.json", "downloads/*")),
        "unpack": ((*common, "--receipt", "{}/receipt.json", "--out", "{}/raw.json"), ("raw.json", "raw/*")),
        "match": (("--manifest", manifest, "--raw", "{}/raw.json", "--out", "{}/scans.json"), ("scans.json",)),
        "shard": (
            (*common, "--scans", "{}/scans.json", "--chunk", "0", "--out", *shards),
            (f"{CHUNK}.lmdb", f"{CHUNK}.csv"),
        ),
        "store": (
            (*common, *evidence, "--out", "{}/s.lmdb", "--report", "{}/report.csv", "--shards", *shards),
            ("s.lmdb", "report.csv"),
        ),
        "sheet": (("--store", "{}/s.lmdb", "--out", "{}/sheet.png"), ("sheet.png",)),
        "catalogue": (("--out", "{}/catalogue.csv", "--stores", "{}/s.lmdb"), ("catalogue.csv",)),
    }
    _world(folder, work)
    for name, (options, results) in words.items():
        before = work / f"before {name}"
        renew(before, folder)
        job = Job(name, [*PYTHON, "pipeline", name, *options], before, results)
        job.measure(folder)  # which leaves the results for the next stage
        yield job


def _world(folder: Path, work: Path) -> None:
    """The mirror, manifests and settings of small datasets, in `folder`."""
    shutil.rmtree(folder, ignore_errors=True)
    world = World(folder)
    world.datasets = ["WBC-CV", "Synthetic"]
    settings = yaml.safe_load(world.config("build").read_text())
    write_config(Config(**{**settings, "root": folder, "chunks": 1}), folder / "config.json")


def _build(work: Path) -> Job:
    """`snakemake` for two datasets."""
    folder, before = work / "folder", work / "before build"
    _world(folder, work)
    renew(before, folder)
    command = [*PYTHON, "snakemake", "--cores", "2", "--configfile", "{}/build.yaml", "--directory", "{}/work"]
    results = ("build/stores/*", "build/reports/*", "build/shards/*", "build/scans/*", "build/raw/*")
    more = ("build/receipts/*", "build/downloads/*", "build/config.json")
    job = Job("build", command, before, results + more, ("work/*", "build/logs/*", "build/.run.lock"))
    job.measure(folder)
    return job


def _training(work: Path) -> Job:
    """`universeg-train` on synthetic tasks, with checkpoints and validations."""
    before = work / "before train"
    before.mkdir()
    options = "--synthetic F0 --size 16 --model.widths 4 4 --support-size 2 --steps 12 --dev-episodes 2 --device cpu"
    more = "--checkpoint-every 2 --validate-every 4 --precision float32 --keep-checkpoints 99 --quiet"
    command = [*PYTHON, "universeg", "train", *options.split(), *more.split(), "--out", "{}/run"]
    changing = (
        "run/best.safetensors",
        "run/last.safetensors",
        "run/*.jsonl",
        "run/tensorboard/*",
        "run/*.json",
        "run/*.txt",
    )
    job = Job("train", command, before, ("run/checkpoints/*",), changing)
    job.measure(work / "folder")
    return job


def _prediction(work: Path) -> Job:
    """`universeg-predict` on pictures."""
    before = work / "before predict"
    rows, columns = np.indices((40, 48))
    for number in range(12):
        rng = rng_for("kills", number)
        row, column = rng.integers(12, 28, 2)
        disc = (rows - row) ** 2 + (columns - column) ** 2 < 60
        image = (rng.normal(90, 20, disc.shape) + 90 * disc).clip(0, 255).astype(np.uint8)
        for kind, values in (("images", image), ("masks", disc.astype(np.uint8) * 255)):
            path = before / ("support" if number < 4 else "new") / kind / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(values).save(path)
    save_model(UniverSeg(ModelConfig(widths=(4, 4))), before / "weights.safetensors")
    options = ("-w", "{}/weights.safetensors", "-i", "{}/new/images", "-s", "{}/support", "-o", "{}/out")
    command = [*PYTHON, "universeg", "predict", *options, "--size", "32", "--device", "cpu", "--quiet"]
    results = ("out/*.png", "out/*.jpg")
    job = Job("predict", command, before, results, ("out/*.json", "out/*.csv", "out/*.html", "out/*.txt"))
    job.measure(work / "folder")
    return job
