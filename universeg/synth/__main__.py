"""Draw examples of synthetic tasks, or measure them.

python -m universeg.synth sheet --family NAME --out FILE    draw a contact sheet
python -m universeg.synth statistics [NAME ...]             measure labels, and compare them with their expected ranges
"""

from collections.abc import Sequence
from pathlib import Path

import tyro
from rich.console import Console
from rich.table import Table

from universeg.base.atomic_write import atomic_write
from universeg.base.command import run_command
from universeg.base.contact_sheet import Panel, outlined, sheet
from universeg.base.lookup import choose
from universeg.synth import FAMILIES, SynthConfig, fresh_episode, make_task

NAME = "python -m universeg.synth"
SIDE = 128  # pixels per side of the tasks


def draw(family: str, out: Path, tasks: int = 4, subjects: int = 4, seed: int = 0) -> None:
    """Draw a contact sheet of a family: images of several tasks, without and with one label.

    Args:
        family: Name of the family.
        out: The JPEG file to write.
        tasks: Number of rows. Each shows one label of a new task.
        subjects: Number of images of each task. Each is shown twice, the second time with the label outlined.
        seed: Another seed gives other tasks.
    """
    choose(FAMILIES, family, "family of synthetic tasks")
    rows = []
    for number in range(tasks):
        images, masks, _ = fresh_episode(seed, number, subjects, SIDE, family)
        plain = [Panel(outlined(image, {}, SIDE)) for image in images]
        rows.append(plain + [Panel(outlined(i, {"": m > 0}, SIDE)) for i, m in zip(images, masks, strict=True)])
    with atomic_write(out) as part:
        sheet(rows, family).save(part, "JPEG", quality=80)


def statistics(families: tyro.conf.Positional[tuple[str, ...]] = (), tasks: int = 40, subjects: int = 5) -> int:
    """Measure the labels of families. The exit status is 1 if a measure is outside its expected range.

    Args:
        families: Names of families. Default: all.
        tasks: Number of tasks of each family.
        subjects: Number of images of each task.
    """
    from universeg.synth.statistics import BANDS, MEASURES, outside, summary

    table = Table("family", *MEASURES)
    wrong = []
    for family in families or FAMILIES:
        choose(FAMILIES, family, "family of synthetic tasks")
        config = SynthConfig(family=family)
        found = summary([make_task(0, number, subjects, SIDE, config) for number in range(tasks)])
        table.add_row(family, *(f"{found[name]:.3g}" for name in MEASURES))
        table.add_row("expected", *(f"{low:g} to {high:g}" for low, high in map(BANDS[family].__getitem__, MEASURES)))
        wrong += outside(family, found)
    console = Console()
    console.print(table)
    for line in wrong:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return 1 if wrong else 0


def main(words: Sequence[str]) -> int | None:
    """Run one of the two commands, and return its exit status."""
    status: int | None = tyro.extras.subcommand_cli_from_dict(
        {"sheet": draw, "statistics": statistics},
        prog=NAME,
        description="Draw examples of synthetic tasks, or measure them.",
        args=words,
    )
    return status


if __name__ == "__main__":
    run_command(NAME, main, interrupted="nothing was written")
