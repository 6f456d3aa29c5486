"""`python -m universeg.synth sheet` draws synthetic tasks; `statistics` measures them and holds them to their bands."""

import sys
from pathlib import Path

import tyro
from rich.console import Console
from rich.table import Table

from universeg.base.atomic_write import atomic_write
from universeg.base.contact_sheet import Panel, outlined, sheet
from universeg.base.lookup import choose
from universeg.synth import FAMILIES, SynthConfig, fresh_episode, make_task

SIDE = 128


def draw(family: str, out: Path, tasks: int = 4, subjects: int = 4, seed: int = 0) -> None:
    """Write a contact sheet of a family as JPEG.

    Args:
        family: One of the families.
        out: The file.
        tasks: Rows: each is one label of a new task.
        subjects: Columns: images of the task, then the same with the label outlined.
        seed: Another seed, other tasks.
    """
    choose(FAMILIES, family, "family of synthetic tasks")
    rows = []
    for number in range(tasks):
        images, masks, _ = fresh_episode(seed, number, subjects, SIDE, family)
        plain = [Panel(outlined(image, {}, SIDE)) for image in images]
        rows.append(plain + [Panel(outlined(i, {"": m > 0}, SIDE)) for i, m in zip(images, masks, strict=True)])
    with atomic_write(out) as part:
        sheet(rows, family).save(part, "JPEG", quality=80)


def statistics(families: tyro.conf.Positional[tuple[str, ...]] = (), tasks: int = 40, subjects: int = 5) -> None:
    """Measure labels of families (all, if none is named). Exit status 1 if one is outside its bands.

    Args:
        families: Which.
        tasks: Of each family.
        subjects: Images of each task.
    """
    from universeg.synth.statistics import BANDS, MEASURES, outside, summary  # needs SciPy, of the workflow's extra

    table = Table("family", *MEASURES)
    wrong = []
    for family in families or FAMILIES:
        choose(FAMILIES, family, "family of synthetic tasks")
        config = SynthConfig(family=family)
        found = summary([make_task(0, number, subjects, SIDE, config) for number in range(tasks)])
        table.add_row(family, *(f"{found[name]:.3g}" for name in MEASURES))
        table.add_row("", *(f"{low:g} to {high:g}" for low, high in map(BANDS[family].__getitem__, MEASURES)))
        wrong += outside(family, found)
    Console().print(table)
    sys.stdout.write("".join(f"{line}\n" for line in wrong))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    tyro.extras.subcommand_cli_from_dict({"sheet": draw, "statistics": statistics}, description=__doc__)
