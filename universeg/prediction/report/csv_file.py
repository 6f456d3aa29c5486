"""measurements.csv: one row for each image and structure, for spreadsheets and statistics. No torch here."""

import csv
import io
from collections.abc import Collection, Sequence
from pathlib import Path

from universeg.base.atomic_write import atomic_write
from universeg.prediction.report.result import Result

COLUMNS = (
    "image",
    "structure",
    "frame",
    "pixels",
    "area_mm2",
    "volume_ml",
    "parts",
    "slices",
    "expected_dice",
    "warnings",
)
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet takes text that begins so for a formula


def write_csv(path: Path, results: Sequence[Result], common: Collection[str] = ()) -> None:
    """Write the measurements of all results; an image that failed has an empty row with its error.

    Warnings in `common`, which concern the examples, are left out.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for result in results:
        told = result.error or " | ".join(warning for warning in result.warnings if warning not in common)
        for one in result.measures:
            sizes = (one.frame, one.pixels, _rounded(one.area_mm2), _rounded(one.volume_ml), one.parts, one.slices)
            row = (_cell(result.image), _cell(one.structure), *sizes, _rounded(result.expected_dice), _cell(told))
            table.writerow(["" if value is None else value for value in row])
        if not result.measures:
            table.writerow([_cell(result.image), *[""] * (len(COLUMNS) - 2), _cell(told)])
    with atomic_write(path) as part:
        # With a byte-order mark, spreadsheets know that it is UTF-8.
        part.write_bytes(text.getvalue().encode("utf-8-sig", errors="backslashreplace"))


def _cell(text: str) -> str:
    """Text that a spreadsheet does not run as a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


def _rounded(value: float | None) -> str | None:
    return None if value is None else f"{value:.5g}"
