"""A checkup on the terminal, and as a picture. No torch here."""

from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from universeg.base.contact_sheet import Panel, outlined, sheet
from universeg.prediction.check.checkup import Checkup
from universeg.prediction.check.findings import Finding
from universeg.prediction.check.leave_one_out import Estimate, Trial, labels_of

Pixel = TypeVar("Pixel", bound=np.generic)
SIDE, IN_A_ROW, MOST = 180, 6, 36  # of the picture: pixels of a panel, panels in a row, panels
ROWS = 12  # of the table; the other examples are in the report


def summary(estimate: Estimate) -> str:
    """The sentence that answers: how good will it be?"""
    low, high = estimate.interval
    part = (
        f"{len(estimate.trials)} of {estimate.examples} examples"
        if len(estimate.trials) < estimate.examples
        else (f"{estimate.examples} examples")
    )
    return (
        f"Expected Dice {estimate.dice:.0f} of 100 (90 % interval {low:.0f} to {high:.0f}): {estimate.verdict}."
        f" Measured on {part}, each segmented by {estimate.shown} others."
    )


def in_terminal(checkup: Checkup) -> RenderableType:
    """What was fixed, a table of examples, the worst first, the summary, and what is probably wrong."""
    parts = list[RenderableType]([Text(printable(f"fixed: {line}")) for line in checkup.fixed])
    if checkup.estimate is not None:
        parts += [_table(checkup.estimate, checkup), Text(summary(checkup.estimate), style="bold")]
    if checkup.curve is not None:
        parts.append(Text(f"Dice by number of examples: {checkup.curve}."))
    if checkup.influences:
        best, worst = checkup.influences[0], checkup.influences[-1]
        parts.append(
            Text(
                printable(
                    f"Example that helps the others most: {Path(best.name).name} ({best.dice:+.1f} Dice);"
                    f" least: {Path(worst.name).name} ({worst.dice:+.1f})."
                )
            )
        )
    parts += [_line(finding) for finding in checkup.findings] or [Text("Nothing looks wrong with the examples.")]
    return Group(*parts)


def picture(checkup: Checkup) -> Image.Image:
    """A sheet of the examples with their masks and what the others make of them, the worst first."""
    assert checkup.estimate is not None, "a single example has no trial"
    trials = sorted(checkup.estimate.trials, key=lambda trial: trial.dice)[:MOST]
    panels = [_panel(trial) for trial in trials]
    rows = [panels[at : at + IN_A_ROW] for at in range(0, len(panels), IN_A_ROW)]
    return sheet(rows, summary(checkup.estimate), ["mask of the example", "what the other examples make of it"])


def printable(text: str) -> str:
    """With escapes for what a terminal cannot show: file names may hold anything."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def _table(estimate: Estimate, checkup: Checkup) -> Table:
    trials = sorted(estimate.trials, key=lambda trial: trial.dice)
    table = Table(Column("example, the worst first", overflow="fold"), Column("Dice", justify="right"))
    for trial in trials[:ROWS]:
        table.add_row(Text(printable(Path(trial.name).name)), f"{trial.dice:.0f}")
    if len(trials) > ROWS:
        table.add_row(Text(f"{len(trials) - ROWS} more"), f"up to {trials[-1].dice:.0f}")
    return table


def _line(finding: Finding) -> Text:
    text = Text.assemble(("! ", "bold yellow"), printable(str(finding)))
    return text.append(" (--fix does this)") if finding.fix else text


def example_picture(trial: Trial, side: int = SIDE) -> Image.Image:
    """An example with the outlines of its mask, and of what the others make of it."""
    masks = labels_of(trial.query) != 0
    row = int(masks.sum(axis=(1, 2)).argmax())
    region = trial.query.region
    grey = _upright(trial, trial.query.images[row], region)
    mask, answer = (_upright(trial, marks[row], region) for marks in (masks, trial.winners != 0))
    return outlined(grey, {"mask": mask, "answer": answer}, side)


def _panel(trial: Trial) -> Panel:
    return Panel(example_picture(trial), f"{printable(Path(trial.name).name)}: {trial.dice:.0f}")


def _upright(trial: Trial, plane: NDArray[Pixel], region: NDArray[np.bool_]) -> NDArray[Pixel]:
    """Without the padding of the network's square; a volume's slice with the head, or the front, up."""
    rows, columns = np.flatnonzero(region.any(1)), np.flatnonzero(region.any(0))
    part = plane[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return part if trial.query.axis is None else np.rot90(part)
