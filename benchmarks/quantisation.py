"""Measure how storing images as uint8 changes Dice: python -m benchmarks.quantisation --weights RUN/best.safetensors

The scans of datasets that the workflow has unpacked below `data` are processed twice: by the pipeline as it is, and
without its last step, rounding to 256 values. A network then segments the same queries with the same support sets.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
import tyro

from pipeline.build.merge import split
from pipeline.build.records import Recipe, records_of
from pipeline.manifest.schema import load_manifest
from pipeline.match.match import scans_of
from universeg.base.rng import rng_for
from universeg.episodes.dice import Score, averages, dice
from universeg.episodes.sampling import with_replacement
from universeg.evaluation.baselines import segmenter
from universeg.standardise import resample
from universeg.store import Record, Task, subject_of

Pairs = dict[str, tuple[np.ndarray, np.ndarray]]  # name -> image in [0, 1], mask; float32 (H, W)


@dataclass(frozen=True)
class Settings:
    """What to measure."""

    weights: tuple[Path, ...]
    """Weights files, or names of baselines."""
    data: Path = Path("data")
    """The folder of the workflow, with scans/ and raw/."""
    datasets: tuple[str, ...] = ("WBC-CV", "WBC-JTSC", "MSD-Hippocampus", "BBBC003")
    support_size: int = 8
    queries: int = 12
    """Largest number of queries per task."""


def unrounded(dataset: str, data: Path) -> Mapping[str, Pairs]:
    """The middle slices of every task, with images before they are rounded."""
    manifest = load_manifest(Path(f"dataset_manifests/{dataset}.yaml"))
    root = Path(json.loads((data / "scans" / f"{dataset}.json").read_text())["root"])
    groups, (found, _) = {group.name: group for group in manifest.groups}, scans_of(manifest, root)
    tasks: dict[str, Pairs] = {}
    with patch.object(resample, "quantised", lambda values: np.clip(values, 0, 1)):
        for scan in found:
            for record in records_of(scan, groups[scan.group], root, Recipe(min_pixels=0)):
                if not isinstance(record, Record) or record.slicing != "mid":
                    continue
                for label, mask in record.masks.items():
                    if (mask >= 0.5).any():
                        key = Task(dataset, record.group, record.modality, label, record.axis).key
                        image = np.asarray(record.image, np.float32)
                        tasks.setdefault(key, {})[record.subject] = image, np.float32(mask >= 0.5)
    return tasks


def rounded(pairs: Pairs) -> Pairs:
    return {
        name: (np.float32(resample.quantised(image)) / np.float32(255), mask) for name, (image, mask) in pairs.items()
    }


def scores(network: torch.nn.Module, task: str, pairs: Pairs, settings: Settings) -> list[Score]:
    splits = split(Task.parse(task).dataset, sorted({subject_of(name) for name in pairs}))
    of = {part: sorted(name for name in pairs if splits[subject_of(name)] == part) for part in ("support", "test")}
    found = []
    for query in of["test"][: settings.queries]:
        support = with_replacement(of["support"], settings.support_size, rng_for("quantisation", task, query))
        images, masks = (torch.from_numpy(np.stack([pairs[name][k] for name in support])) for k in (0, 1))
        with torch.inference_mode():
            logits = network(torch.from_numpy(pairs[query][0])[None, None], images[None, :, None], masks[None, :, None])
        found.append(Score(Task.parse(task), query, dice(logits[0, 0].numpy() > 0, pairs[query][1] > 0)))
    return found


def main(settings: Settings) -> None:
    data = {name: unrounded(name, settings.data) for name in settings.datasets}
    print(
        "| | dataset | queries | float32 | uint8 | change | largest change of a query |\n| --- | --- |" + " ---: |" * 5
    )
    for weights in settings.weights:
        network = segmenter(weights).eval()
        for dataset, tasks in data.items():
            before = [score for task, pairs in tasks.items() for score in scores(network, task, pairs, settings)]
            after = [
                score for task, pairs in tasks.items() for score in scores(network, task, rounded(pairs), settings)
            ]
            row(weights.stem, dataset, before, after)


def row(name: str, dataset: str, before: Sequence[Score], after: Sequence[Score]) -> None:
    exact, kept = averages(before).all.dice, averages(after).all.dice
    most = max(abs(a.dice - b.dice) for a, b in zip(before, after, strict=True))
    print(
        f"| {name} | {dataset} | {len(before)} | {exact:.2f} | {kept:.2f} | {kept - exact:+.3f} | {most:.2f} |",
        flush=True,
    )


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
