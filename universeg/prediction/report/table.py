"""The table on the terminal: what to look at first, and where the files are."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from universeg.prediction.check.show import printable
from universeg.prediction.report.result import NOTICE, Result, look_first

FEW = 30  # images in the table; report.html has all


def show(output: Path, results: Sequence[Result]) -> None:
    """The table that says what was found, what Dice to expect, and where the files are."""
    expected = any(result.expected_dice is not None for result in results)
    names = ["image", "marked", *(["expected Dice"] if expected else []), "mask"]
    title = f"Results in {output}" + (", look at the first ones first" if expected and len(results) > 1 else "")
    table = Table(*(Column(name, overflow="fold") for name in names), title=Text(printable(title)))
    ordered = look_first([*results])
    for result in ordered[:FEW]:
        share = "failed" if result.error else _shares(result.marked) + "\n(kept)" * result.skipped
        image, mask = (Text(printable(Path(path).name)) for path in (result.image, result.mask))
        dice = [] if not expected else ["" if result.expected_dice is None else f"{result.expected_dice:.0f}"]
        table.add_row(image, Text(share), *dice, mask)
    if len(ordered) > FEW:
        table.add_row(Text(f"{len(ordered) - FEW} more"))
    told = (
        f"Look at {output / 'report.html'}, or at the pictures *_overlay.png. What was done is in report.json,"
        f" sizes in measurements.csv. {NOTICE}"
    )
    Console().print(table, Text(printable(told)), sep="\n")


def _shares(marked: Mapping[str, float]) -> str:
    """The share of the only structure, or of each by name."""
    return "\n".join(
        f"{share:.2%}" if len(marked) == 1 else f"{printable(name)} {share:.2%}" for name, share in marked.items()
    )
