"""The stage `shard`: the records of one chunk of a dataset's scans."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline import attrition
from pipeline.attrition import BadScan, Dropped
from pipeline.build.records import Recipe, records_of
from pipeline.config import load_config
from pipeline.manifest.schema import load_manifest
from pipeline.match.match import read
from pipeline.progress import progress_bar
from universeg.store import Record, pack, write_store


def shard(config: Path, manifest: Path, scans: Path, chunk: int, out: Path) -> None:
    """Read, normalise, resample and slice one chunk of a dataset's scans.

    Args:
        config: The resolved settings.
        manifest: The dataset's YAML.
        scans: What the match stage found.
        chunk: Which part of the scans, from 0.
        out: The shard. What is not kept goes beside it, as .csv.
    """
    settings, facts = load_config(config), load_manifest(manifest)
    groups = {group.name: group for group in facts.groups}
    root, everything, _ = read(scans)
    recipe = Recipe(settings.resolution, settings.geometry, settings.min_pixels)
    mine = everything[chunk :: settings.chunks]

    def results() -> Iterator[Record | Dropped]:
        with progress_bar(facts.name, len(mine)) as advance:
            for scan in mine:
                try:
                    yield from list(records_of(scan, groups[scan.group], root, recipe))  # all of a scan or nothing
                except BadScan as bad:
                    yield Dropped.scan(scan.group, scan.subject, scan.modality, bad)
                advance(1)

    write_shard(out, facts.name, settings.resolution, results())


def write_shard(out: Path, dataset: str, size: int, results: Iterable[Record | Dropped]) -> None:
    """Write records as a shard at `out`, and what was dropped beside it as .csv."""
    packed, dropped = [], []
    for result in results:
        if isinstance(result, Dropped):
            dropped.append(result)
        else:
            packed.append(pack(result))
    attrition.write(out.with_suffix(".csv"), dropped)
    write_store(out, {"dataset": dataset, "size": size}, sorted(packed))
