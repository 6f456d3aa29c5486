"""The attrition report: a CSV row for everything that was found in a dataset but not used.

It uses the csv module, because each of the workflow's hundreds of jobs would pay 0.5 s to import pandas.
"""

import csv
import re
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
    samples: int = 0  # of a remark about values without a name: how many samples have them

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
        text = f"{where}: " * bool(where) + f"{self.reason}{file}" + (f"; {self.remedy}" if self.remedy else "")
        return printable(text)


def printable(text: str) -> str:
    """The text, with everything escaped that UTF-8 cannot hold: bytes of file names that are not UTF-8 as \\xe9."""
    escaped = re.sub("[\udc80-\udcff]", lambda byte: f"\\x{ord(byte[0]) - 0xDC00:02x}", text)
    return escaped.encode("utf-8", "backslashreplace").decode("utf-8")


def write(path: Path, rows: Iterable[Dropped]) -> None:
    """Write the rows as CSV, sorted: the same rows give the same bytes."""
    with atomic_write(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, [field.name for field in fields(Dropped)], lineterminator="\n")
        table.writeheader()
        for row in sorted(rows):
            facts = {key: printable(value) if isinstance(value, str) else value for key, value in asdict(row).items()}
            table.writerow({**facts, "known": "yes" if row.known else "no"})


def read(path: Path) -> list[Dropped]:
    """The rows of a file that `write` made."""
    with path.open(newline="", encoding="utf-8") as file:
        return [
            Dropped(**row, known=known == "yes", samples=int(samples))
            for row in csv.DictReader(file)
            for known, samples in [(row.pop("known"), row.pop("samples", 0))]
        ]


def remarks(rows: Sequence[Dropped]) -> Iterator[str]:
    """Unexpected rows as lines of text: one for each scan, and one for each label and kind of reason with its slices.

    The reason why a slice is not stored begins with its kind and a colon.
    """
    yield from (str(row) for row in rows if row.unexpected)
    slices = Counter(
        (row.slicing, row.label, row.reason.partition(":")[0]) for row in rows if row.label and not row.known
    )
    yield from (f"{n} `{slicing}` masks of {label} not stored: {kind}" for (slicing, label, kind), n in slices.items())
