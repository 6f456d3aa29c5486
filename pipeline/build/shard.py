"""The stages that make records: a chunk of a published dataset's scans, or of synthetic tasks, into one shard."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from tqdm import tqdm

from pipeline import attrition
from pipeline.match import match as found
from pipeline.attrition import Dropped
from pipeline.build.records import Recipe, records_of
from pipeline.manifest.schema import Manifest, load_manifest
from universeg.imageio.image import BadScan
from universeg.store import Record, pack, write_store

Geometry = Literal["isotropic", "stretch"]


def shard(
    manifest: Path,
    scans: Path,
    chunk: int,
    chunks: int,
    out: Path,
    size: int = 128,
    geometry: Geometry = "isotropic",
    min_pixels: int = 1,
) -> None:
    """Read, normalise, resample and slice one chunk of a dataset's scans.

    Args:
        manifest: The dataset's YAML.
        scans: What the scans stage found.
        chunk: Which part of the scans, from 0.
        chunks: Into how many parts they are divided.
        out: The shard; what is not kept goes beside it, as .csv.
        size: Pixels a side.
        geometry: isotropic pads to a square or cube, stretch fills it.
        min_pixels: A slice whose mask has fewer is not kept.
    """
    facts = load_manifest(manifest)
    groups = {group.name: group for group in facts.groups}
    root, everything, _ = found.read(scans)
    recipe = Recipe(size, geometry, min_pixels)

    def results() -> Iterator[Record | Dropped]:
        for scan in tqdm(everything[chunk::chunks], desc=facts.name, unit="scan", disable=None):
            try:
                yield from list(records_of(scan, groups[scan.group], root, recipe))  # all of a scan or nothing
            except BadScan as bad:
                yield Dropped.scan(scan.group, scan.subject, scan.modality, bad)

    _write_shard(out, facts, size, results())


def synthetic(
    manifest: Path,
    chunk: int,
    chunks: int,
    out: Path,
    tasks: int,
    subjects: int,
    seed: int,
    size: int,
    family: str,
) -> None:
    """Generate one chunk of synthetic tasks (paper, section D).

    Args:
        manifest: The YAML that describes the dataset.
        chunk: Which part of the tasks, from 0.
        chunks: Into how many parts they are divided.
        out: The shard; what cannot be a label goes beside it, as .csv.
        tasks: How many in all.
        subjects: Images of each.
        seed: Same seed, same tasks, whatever the chunks.
        size: Pixels a side; must divide 256 in family F0.
        family: Kind of tasks, or a mix of kinds.
    """
    from pipeline.build.synthetic import records_of_tasks  # loads torch, which no other stage needs

    facts = load_manifest(manifest)
    numbers = tqdm(range(tasks)[chunk::chunks], desc=facts.name, unit="task", disable=None)
    _write_shard(out, facts, size, records_of_tasks(family, seed, numbers, subjects, size))


def _write_shard(out: Path, facts: Manifest, size: int, results: Iterable[Record | Dropped]) -> None:
    packed, dropped = [], []
    for result in results:
        if isinstance(result, Dropped):
            dropped.append(result)
        else:
            packed.append(pack(result))
    attrition.write(out.with_suffix(".csv"), dropped)
    write_store(out, {"dataset": facts.name, "size": size}, sorted(packed))
