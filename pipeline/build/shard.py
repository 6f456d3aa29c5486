"""The stage `shard`: turn one chunk of a dataset's scans into the records of a store."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline import attrition
from pipeline.attrition import BadScan, Dropped
from pipeline.backends.progress import progress_bar
from pipeline.build.records import Recipe, records_of
from pipeline.config import load_config
from pipeline.manifest.schema import load_manifest
from pipeline.match.scan_files import read_scans
from universeg.store import Origin, Record, pack, write_store
from universeg.store.origin import pack_origin

TOO_LARGE = "run fewer jobs at once (--cores), or on a machine with more memory"


def shard(config: Path, manifest: Path, scans: Path, chunk: int, out: Path) -> None:
    """Read, normalise, resample and slice one chunk of a dataset's scans.

    Args:
        config: The resolved settings.
        manifest: The dataset's YAML.
        scans: The output of the match stage.
        chunk: Number of the chunk, from 0 to `chunks` of the config minus 1.
        out: The shard. A .csv beside it lists what was found but not used.
    """
    settings, facts = load_config(config), load_manifest(manifest)
    groups = {group.name: group for group in facts.groups}
    root, matched, _ = read_scans(scans)
    recipe = Recipe(settings.resolution, settings.geometry, settings.min_pixels)
    chosen = matched[chunk :: settings.chunks]

    def results() -> Iterator[Record | Origin | Dropped]:
        with progress_bar(facts.name, len(chosen)) as advance:
            for scan in chosen:
                try:
                    # The list makes sure that a scan that fails halfway leaves no records.
                    yield from list(records_of(scan, groups[scan.group], root, recipe))
                except BadScan as bad:
                    yield Dropped.scan(scan.group, scan.subject, scan.modality, bad)
                except MemoryError as error:
                    large = BadScan(f"needs more memory than there is: {error}", scan.images[0], TOO_LARGE)
                    yield Dropped.scan(scan.group, scan.subject, scan.modality, large)
                advance(1)

    write_shard(out, facts.name, settings.resolution, results())


def write_shard(out: Path, dataset: str, size: int, results: Iterable[Record | Origin | Dropped]) -> None:
    """Write the records and origins as a shard at `out`, and the dropped rows as a .csv beside it."""
    packed, dropped = [], []
    for result in results:
        if isinstance(result, Dropped):
            dropped.append(result)
        elif isinstance(result, Origin):
            packed.append(pack_origin(result))
        else:
            packed.append(pack(result))
    attrition.write(out.with_suffix(".csv"), dropped)
    write_store(out, {"dataset": dataset, "size": size}, sorted(packed))
