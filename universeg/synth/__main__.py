"""Draw examples of synthetic tasks, or measure them.

python -m universeg.synth sheet --family NAME --out FILE    draw a contact sheet
python -m universeg.synth statistics [NAME ...]             measure labels, and compare them with their expected ranges
python -m universeg.synth shortcuts [NAME ...]              measure how far simple rules solve tasks
"""

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

import tyro
from rich.console import Console
from rich.progress import track
from rich.table import Table

from universeg.base.atomic_write import atomic_write
from universeg.base.command import run_command
from universeg.base.console import say
from universeg.base.contact_sheet import Panel, outlined, sheet
from universeg.base.lookup import choose
from universeg.synth import FAMILIES, SynthConfig, fresh_episode, make_task

NAME = "python -m universeg.synth"
SIDE = 128  # pixels per side of the tasks
HARD = 50  # Dice below which grey level and neighbourhood do not solve a task


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
        config = SynthConfig.of(family)
        found = summary([make_task(0, number, subjects, SIDE, config) for number in range(tasks)])
        table.add_row(family, *(f"{found[name]:.3g}" for name in MEASURES))
        table.add_row("expected", *(f"{low:g} to {high:g}" for low, high in map(BANDS[family].__getitem__, MEASURES)))
        wrong += outside(family, found)
    console = Console()
    console.print(table)
    for line in wrong:
        say(console, line)
    return 1 if wrong else 0


def measure_shortcuts(families: tyro.conf.Positional[tuple[str, ...]] = (), tasks: int = 24, queries: int = 6) -> None:
    """Measure the Dice that rules without any notion of shape reach, from 16 examples.

    The rules: grey level alone; grey level and the mean of the 7 x 7 pixels around; the mean mask. The last column is
    the share of tasks in which the second rule stays below 50.

    Args:
        families: Names of families or mixes. Default: the mix `train`, and each family.
        tasks: Number of tasks of each family.
        queries: Number of images of each task that are scored.
    """
    from universeg.synth.shortcuts import SUPPORT, shortcuts

    table = Table("family", "grey", "grey + around", "position", "below 50")
    for family in track(families or ("train", *FAMILIES), description="measuring", console=Console(stderr=True)):
        found = []
        for number in range(tasks):
            images, masks, _ = fresh_episode(0, number, SUPPORT + queries, SIDE, family)
            found.append(shortcuts(images, masks > 0))
        means = (fmean(getattr(one, rule) for one in found) for rule in ("grey", "local", "position"))
        share = fmean(one.local < HARD for one in found)
        table.add_row(family, *(f"{mean:.0f}" for mean in means), f"{share:.0%}")
    Console().print(table)


def main(words: Sequence[str]) -> int | None:
    """Run one of the three commands, and return its exit status."""
    status: int | None = tyro.extras.subcommand_cli_from_dict(
        {"sheet": draw, "statistics": statistics, "shortcuts": measure_shortcuts},
        prog=NAME,
        description="Draw examples of synthetic tasks, or measure them.",
        args=words,
    )
    return status


if __name__ == "__main__":
    run_command(NAME, main, interrupted="nothing was written")
