"""The attrition report: a CSV row for everything that was found in a dataset but not used.

It uses the csv module, because each of the workflow's hundreds of jobs would pay 0.5 s to import pandas.
"""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Self

from universeg.base.atomic_write import atomic_write
from universeg.imageio.image import ImageError


class BadScan(ImageError):
    """A scan that cannot be used: why, which file, what to do, and whether the manifest expects this (`known`)."""

    def __init__(self, reason: str, file: str = "", remedy: str = "", known: bool = False) -> None:
        super().__init__(reason, file, remedy)
        self.known = known


@dataclass(frozen=True, order=True)
class Dropped:
    """A scan that was not used, or one slice of it that was not stored for one label."""

    group: str
    subject: str  # subject, or subject@frame; empty for a remark about the whole group
    modality: str = ""
    axis: str = ""  # with slicing and label: only this slice was dropped
    slicing: str = ""
    label: str = ""
    reason: str = ""
    remedy: str = ""
    file: str = ""
    known: bool = False  # the manifest says that this happens

    @classmethod
    def scan(cls, group: str, subject: str, modality: str, bad: ImageError) -> Self:
        """The row for a whole scan that cannot be used."""
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
    def unexpected(self) -> bool:
        """Whether it is a whole scan, or a remark about a group, that the manifest does not announce."""
        return not self.label and not self.known

    def __str__(self) -> str:
        where = " ".join(filter(None, (self.group, self.subject, self.modality)))
        file = f" [{self.file}]" if self.file else ""
        return f"{where}: {self.reason}{file}" + (f"; {self.remedy}" if self.remedy else "")


def write(path: Path, rows: Iterable[Dropped]) -> None:
    """Write the rows as CSV, sorted: the same rows give the same bytes."""
    with atomic_write(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, [field.name for field in fields(Dropped)], lineterminator="\n")
        table.writeheader()
        table.writerows({**asdict(row), "known": "yes" if row.known else "no"} for row in sorted(rows))


def read(path: Path) -> list[Dropped]:
    """The rows of a file that `write` made."""
    with path.open(newline="", encoding="utf-8") as file:
        return [
            Dropped(**{key: text for key, text in row.items() if key != "known"}, known=row["known"] == "yes")
            for row in csv.DictReader(file)
        ]


def remarks(rows: Sequence[Dropped]) -> Iterator[str]:
    """Unexpected rows as lines of text: one for each scan, and one for each label with the number of its slices."""
    yield from (str(row) for row in rows if row.unexpected)
    slices = Counter((row.slicing, row.label) for row in rows if row.label and not row.known)
    yield from (f"{n} {slicing} slices not stored: too few pixels of {label}" for (slicing, label), n in slices.items())
