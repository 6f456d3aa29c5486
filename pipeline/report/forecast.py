"""What a dataset will need, before anything is downloaded: bytes, hours, memory and disk.

Sizes come from manifests, or from files that are on this disk already; costs were measured for each format
(costs.json; benchmarks/costs.py). What depends on an unknown size is None: it is not guessed.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.config import Config
from pipeline.manifest import expected_counts
from pipeline.manifest.layout import Group
from pipeline.manifest.schema import Manifest
from pipeline.manifest.source_file import SourceFile

COSTS = Path(__file__).parent / "costs.json"
MB = 1_000_000


@dataclass(frozen=True)
class Forecast:
    """What one dataset will need; None: unknown."""

    download_bytes: int  # of the files of known size; the others are counted in `unknown_files`
    unknown_files: int
    is_rounded: bool  # the owner rounded one of the sizes
    build_hours: float | None = None  # of one processor core; archives also hold files that are not used: at most
    memory_mb: float | None = None  # of a job with scans of average size; what it writes is kept until its end
    store_bytes: int | None = None
    disk_bytes: int | None = None  # downloads, unpacked files, shards and store

    def download_hours(self, megabits: float) -> float | None:
        """Hours of the download over a connection of so many megabits per second."""
        return None if self.unknown_files else download_hours(self.download_bytes, megabits)


def download_hours(size: int, megabits: float) -> float:
    """Hours to download `size` bytes at so many megabits per second."""
    return size * 8 / MB / megabits / 3600


def forecast(manifest: Manifest, config: Config) -> Forecast:
    """What a dataset will need."""
    sizes = [size_of(source, config) for source in manifest.archives]
    known = [size for size in sizes if size is not None]
    rounded = any(source.bytes is None and source.about_bytes is not None for source in manifest.archives)
    found = sum(known), len(sizes) - len(known), rounded
    if manifest.generator:
        return _of_generated(config)
    scans = expected_counts.scans(manifest)
    if len(known) < len(sizes) or not scans:
        return Forecast(*found)
    costs, stages = costs_of(manifest), measured_costs()["stages"]
    packed = sum(known) / MB
    files = packed / costs["packed"]
    masks = sum(masks_per_scan(group) * (group.expect.scans or 0) for group in manifest.main_groups)
    seconds = (
        stages["start_s"] * (5 + config.chunks)  # fetch, unpack, match, store, sheet, and the chunks
        + stages["unpack_per_mb_s"] * packed
        + costs["per_mb_s"] * files
        + costs["per_scan_s"] * scans
        + (costs["per_mask_s"] + stages["merge_per_record_s"]) * masks
    )
    records = sum(records_per_scan(group) * (group.expect.scans or 0) for group in manifest.main_groups)
    store = records * int(costs["record_bytes"])
    memory = costs["base_mb"] + costs["memory_per_mb"] * files / scans + store / config.chunks / MB
    disk = sum(known) + int(files * MB) + 2 * store
    return Forecast(*found, seconds / 3600, memory, store, disk)


def _of_generated(config: Config) -> Forecast:
    stages = measured_costs()["stages"]
    pictures = config.synthetic.tasks * config.synthetic.subjects
    seconds = pictures * (stages["synthetic_per_picture_s"] + stages["merge_per_record_s"])
    store = int(pictures * stages["synthetic_picture_bytes"])
    memory = stages["synthetic_base_mb"] + store / config.chunks / MB
    return Forecast(0, 0, False, seconds / 3600, memory, store, 2 * store)


def size_of(source: SourceFile, config: Config) -> int | None:
    """Bytes of a file: on this disk, as the manifest has them, or as the owner rounds them; None if unknown."""
    folders = [config.root / "downloads"]
    if config.mirror is not None and "://" not in config.mirror:
        folders.append(Path(config.mirror))
    for path in (folder / str(source.name) / source.file for folder in folders):
        if path.is_file():
            return path.stat().st_size
    return source.bytes or source.about_bytes


def masks_per_scan(group: Group) -> int:
    """The most masks that are stored of a scan: each label in two slices along each axis, of pictures in one."""
    return len(expected_counts.labels(group)) * len(group.axes) * (2 if has_volumes(group) else 1)


def records_per_scan(group: Group) -> int:
    """The most stored pictures of a scan: the middle slice along each axis, and of volumes each label's largest."""
    return len(group.axes) * (1 + len(expected_counts.labels(group)) * has_volumes(group))


def has_volumes(group: Group) -> bool:
    """Whether a group's scans are volumes, as far as the manifest tells; of pictures the only axis is 0."""
    return group.axes != (0,) or any(form.is_volume for form in group.scans)


@cache
def measured_costs() -> dict[str, Any]:
    """The measured costs: `formats` by the name of the reader, `stages`, and the `machine`."""
    content: dict[str, Any] = json.loads(COSTS.read_text(encoding="utf-8"))
    return content


def costs_of(manifest: Manifest) -> dict[str, float]:
    """The costs of a dataset's format; of several formats the highest of each figure."""
    formats = measured_costs()["formats"]
    used = [formats[reader] for reader in readers(manifest)]
    highest = {name: max(one[name] for one in used) for name in used[0]}
    return {**highest, "packed": min(one["packed"] for one in used)}


def readers(manifest: Manifest) -> list[str]:
    """The readers of a dataset's images, sorted."""
    return sorted({form.reader for group in manifest.main_groups for form in group.scans})
