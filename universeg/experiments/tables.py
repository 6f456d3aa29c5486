"""The tables of experiments: our numbers beside the paper's, as Markdown, CSV and JSON."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from universeg.base.atomic_write import atomic_write

PAPER = Path(__file__).parent / "paper.csv"


@dataclass(frozen=True)
class Number:
    """One number of a table, and its standard deviation if it has one. A count is an int."""

    value: float
    spread: float | None = None

    def __str__(self) -> str:
        if isinstance(self.value, int):
            return f"{self.value:,}"
        digits = 2 if 0 < abs(self.value) < 1 else 1 if abs(self.value) < 1000 else 0
        return f"{self.value:.{digits}f}" + (f" ± {self.spread:.{digits}f}" if self.spread is not None else "")


Cells = dict[str, dict[str, Number]]  # row -> column -> number


@dataclass(frozen=True)
class Table:
    """One table: our numbers, and what a reader must know about them."""

    name: str  # of the paper's table
    title: str
    cells: Cells
    notes: list[str] = field(default_factory=list)
    best: list[tuple[str, str]] = field(default_factory=list)  # row and column of the cells that are shown in bold

    @property
    def columns(self) -> list[str]:
        """The columns of all rows, in the order in which they come."""
        return list(dict.fromkeys(column for row in self.cells.values() for column in row))


@cache
def paper_numbers() -> Mapping[str, Cells]:
    """The paper's numbers: table -> row -> column -> number. A row of table 8 is a pattern of our tasks."""
    found = dict[str, Cells]()
    with PAPER.open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            value = float(line["value"]) if "." in line["value"] else int(line["value"])
            number = Number(value, float(line["spread"]) if line["spread"] else None)
            found.setdefault(line["table"], {}).setdefault(line["row"], {})[line["column"]] = number
    return found


def paper_number(table: str, row: str, column: str) -> Number | None:
    """The paper's number in the place of ours; None if it has none there."""
    for pattern, cells in paper_numbers().get(table, {}).items():
        if pattern == row or fnmatchcase(row, pattern):
            return cells.get(column)
    return None


def write_table(folder: Path, table: Table) -> None:
    """Write table.md, table.csv and table.json into a folder."""
    with atomic_write(folder / "table.md") as part:
        part.write_text(markdown(table), encoding="utf-8")
    lines = [
        [row, column, number.value, number.spread, *_paper_pair(table.name, row, column)]
        for row, cells in table.cells.items()
        for column, number in cells.items()
    ]
    with atomic_write(folder / "table.csv") as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["row", "column", "value", "spread", "paper", "paper_spread"])
        writer.writerows(lines)
    with atomic_write(folder / "table.json") as part:
        content = {**asdict(table), "paper": _paper_cells(table)}
        part.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def markdown(table: Table) -> str:
    """The table: in each cell our number, and the paper's in brackets where it has one."""
    columns = table.columns
    lines = [f"# {table.title} ({table.name.replace('-', ' ')})", "", f"| | {' | '.join(columns)} |"]
    lines.append(f"| --- |{' ---: |' * len(columns)}")
    for row, cells in table.cells.items():
        shown = (
            _cell(cells.get(column), paper_number(table.name, row, column), (row, column) in table.best)
            for column in columns
        )
        lines.append(f"| {row} | {' | '.join(shown)} |")
    notes = [*table.notes, "In brackets: the paper's number, where it has one."]
    return "\n".join([*lines, "", *notes]) + "\n"


def _cell(ours: Number | None, theirs: Number | None, bold: bool) -> str:
    shown = f"**{ours}**" if bold else str(ours)
    return " ".join([*([shown] if ours else []), *([f"[{theirs}]"] if theirs else [])])


def _paper_pair(table: str, row: str, column: str) -> Sequence[float | None]:
    number = paper_number(table, row, column)
    return (number.value, number.spread) if number else (None, None)


def _paper_cells(table: Table) -> dict[str, dict[str, object]]:
    pairs = {row: {column: paper_number(table.name, row, column) for column in table.columns} for row in table.cells}
    return {row: {column: asdict(n) for column, n in cells.items() if n} for row, cells in pairs.items()}
