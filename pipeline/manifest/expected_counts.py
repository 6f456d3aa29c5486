"""What a manifest promises, without any data: its modalities, labels, tasks and bytes."""

from collections.abc import Sequence

from pipeline.manifest.layout import Group
from pipeline.manifest.schema import Manifest


def modalities(group: Group) -> list[str]:
    """Names of the modalities that a group's scans have."""
    found: list[str] = []
    for form in group.scans:
        several = form.channels if form.channels is not None else form.modality
        found += [several] if isinstance(several, str) else list((several or {}).values())
    return list(dict.fromkeys(found))


def labels(group: Group) -> list[str]:
    """Names of the labels that a group's masks are stored under."""
    return list(group.labels.combine or group.labels.masks)


def tasks(manifest: Manifest) -> int:
    """Modality, label and axis of each group: at most so many tasks come of it."""
    return sum(len(modalities(group)) * len(labels(group)) * len(group.axes) for group in manifest.main_groups)


def scans(manifest: Manifest) -> int | None:
    """Expected scans; None if a group's number is not known."""
    counts = [group.expect.scans for group in manifest.main_groups]
    return None if None in counts or not counts else sum(count or 0 for count in counts)


def size(manifest: Manifest) -> tuple[int, int]:
    """Bytes of the files whose size is known, and for how many it is not."""
    known = [source.bytes for source in manifest.archives if source.bytes is not None]
    return sum(known), len(manifest.archives) - len(known)


def shown(known: int, unknown: int) -> str:
    """Bytes as people read them, and how many files come on top: 23 MB + 2 files."""
    value, units = float(known), ["bytes", "kB", "MB", "GB"]
    while value >= 1000 and len(units) > 1:
        value /= 1000
        units.pop(0)
    number = f"{value:.1f} {units[0]}" if value < 10 and units[0] != "bytes" else f"{value:.0f} {units[0]}"
    more = f"{unknown} file{'s' * (unknown > 1)}"
    return number if not unknown else f"{number} + {more}" if known else f"unknown, {more}"


def unique(values: Sequence[str]) -> str:
    """Distinct values in their order, for a cell of a table."""
    return ", ".join(dict.fromkeys(values))
