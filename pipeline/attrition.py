"""What was found but not kept, one row each: nothing is dropped in silence."""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Self

from universeg.base.atomic_write import atomic_write
from universeg.imageio.image import ImageError


class BadScan(ImageError):
    """A scan that cannot be used: why, which file, what to do, and whether the manifest foresees it (`known`)."""

    def __init__(self, reason: str, file: str = "", remedy: str = "", known: bool = False) -> None:
        super().__init__(reason, file, remedy)
        self.known = known


@dataclass(frozen=True, order=True)
class Dropped:
    """A scan that was not used, or a slice of it that was not stored for one label."""

    group: str
    subject: str  # subject, or subject@frame; empty for a remark on the whole group
    modality: str = ""
    axis: str = ""  # with slicing and label: only this slice was dropped
    slicing: str = ""
    label: str = ""
    reason: str = ""
    remedy: str = ""
    file: str = ""
    known: bool = False  # the manifest foresees it

    @classmethod
    def scan(cls, group: str, subject: str, modality: str, bad: ImageError) -> Self:
        return cls(
            group,
            subject,
            modality,
            reason=bad.reason,
            remedy=bad.remedy,
            file=bad.file,
            known=getattr(bad, "known", False),
        )

    @property
    def surprising(self) -> bool:
        """A whole scan, or a remark on a group, that the manifest does not foresee."""
        return not self.label and not self.known

    def __str__(self) -> str:
        who = " ".join(filter(None, (self.group, self.subject, self.modality)))
        file = f" [{self.file}]" if self.file else ""
        return f"{who}: {self.reason}{file}" + (f"; {self.remedy}" if self.remedy else "")


def write(path: Path, rows: Iterable[Dropped]) -> None:
    """Write rows as CSV, sorted, so that the same rows give the same bytes."""
    with atomic_write(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, [field.name for field in fields(Dropped)], lineterminator="\n")
        table.writeheader()
        table.writerows({**asdict(row), "known": "yes" if row.known else "no"} for row in sorted(rows))


def read(path: Path) -> list[Dropped]:
    """Rows that `write` wrote."""
    with path.open(newline="", encoding="utf-8") as file:
        return [
            Dropped(**{key: text for key, text in row.items() if key != "known"}, known=row["known"] == "yes")
            for row in csv.DictReader(file)
        ]


def remarks(rows: Sequence[Dropped]) -> Iterator[str]:
    """What nobody foresaw, a line each: scans by name, slices by how many of each label."""
    yield from (str(row) for row in rows if row.surprising)
    slices = Counter((row.slicing, row.label) for row in rows if row.label and not row.known)
    yield from (f"{n} {slicing} slices without enough {label}" for (slicing, label), n in slices.items())
