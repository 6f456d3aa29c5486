"""What to expect of a dataset, from its manifest alone: modalities, labels, and numbers of tasks, scans and bytes."""

from collections.abc import Sequence

from pipeline.manifest.layout import Group
from pipeline.manifest.schema import Manifest


def modalities(group: Group) -> list[str]:
    """Names of the modalities of a group's scans, without repetitions."""
    names: list[str] = []
    for form in group.scans:
        given = form.channels if form.channels is not None else form.modality
        names += [given] if isinstance(given, str) else list((given or {}).values())
    return list(dict.fromkeys(names))


def labels(group: Group) -> list[str]:
    """Names of the labels that are stored for a group."""
    return list(group.labels.combine or group.labels.masks)


def tasks(manifest: Manifest) -> int:
    """The largest number of tasks: combinations of modality, label and axis in each group."""
    return sum(map(group_tasks, manifest.main_groups))


def group_tasks(group: Group) -> int:
    """The largest number of tasks of a group."""
    return len(modalities(group)) * len(labels(group)) * len(group.axes)


def scans(manifest: Manifest) -> int | None:
    """The number of scans; None if it is unknown for one of the groups."""
    counts = [group.expect.scans for group in manifest.main_groups]
    return None if None in counts or not counts else sum(count or 0 for count in counts)


def readable_size(known: int, unknown: int) -> str:
    """`known` bytes and `unknown` files of unknown size, for people: "23 MB + 2 files"."""
    value, units = float(known), ["bytes", "kB", "MB", "GB"]
    while value >= 1000 and len(units) > 1:
        value /= 1000
        units.pop(0)
    number = f"{value:.1f} {units[0]}" if value < 10 and units[0] != "bytes" else f"{value:.0f} {units[0]}"
    more = f"{unknown} file{'s' * (unknown > 1)}"
    return number if not unknown else f"{number} + {more}" if known else f"unknown, {more}"


def unique(values: Sequence[str]) -> str:
    """The distinct values in order, separated by commas."""
    return ", ".join(dict.fromkeys(values))
