"""A scan as the match stage finds it: the files of one image and of its labels; and how scans are kept as JSON."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pipeline.attrition import Dropped
from universeg.base.atomic_write import atomic_write, read_json


@dataclass(frozen=True)
class ScanFiles:
    """One image of a subject in one modality, and its label files. Paths are relative to the dataset's folder."""

    group: str
    subject: str  # subject, or subject@frame
    modality: str
    form: int  # index into the group's `scans`
    images: tuple[str, ...]  # its file, or the files of its slices in order
    labels: Mapping[str, tuple[str, ...]]  # label name -> files; the name is "" for one file with all labels
    channel: int | None = None
    index: int | None = None  # frame within the image file, from 0
    label_index: int | None = None  # frame within the label file
    parts: Mapping[str, str] = field(default_factory=dict)  # values of the named parts of the path pattern

    def __lt__(self, other: "ScanFiles") -> bool:
        """The order of scans in all files: by group, subject, modality and image, then by frame."""
        return self._order < other._order

    @property
    def _order(self) -> tuple[object, ...]:
        numbers = (-1 if number is None else number for number in (self.channel, self.index, self.label_index))
        return self.group, self.subject, self.modality, self.form, self.images, *numbers


def write_scans(path: Path, root: Path, scans: list[ScanFiles], dropped: list[Dropped]) -> None:
    """Write the dataset's folder, its scans, and what was not used, as JSON."""
    content = {
        "root": str(root),
        "scans": [asdict(scan) for scan in scans],
        "dropped": [asdict(row) for row in dropped],
    }
    with atomic_write(path) as part:
        part.write_text(json.dumps(content, indent=1), encoding="utf-8")


def read_scans(path: Path) -> tuple[Path, list[ScanFiles], list[Dropped]]:
    """The folder, scans and dropped files that `write_scans` wrote."""
    content: dict[str, Any] = read_json(path)
    scans = [_scan(**facts) for facts in content["scans"]]
    return Path(content["root"]), scans, [Dropped(**row) for row in content["dropped"]]


def _scan(images: list[str], labels: dict[str, list[str]], **facts: Any) -> ScanFiles:
    return ScanFiles(images=tuple(images), labels={name: tuple(files) for name, files in labels.items()}, **facts)
