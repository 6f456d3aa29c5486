"""What has been built, what was not kept, what a person must ask for, and what was left out: the end of a run."""

import csv
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pipeline import attrition
from pipeline.config import load_config
from pipeline.manifest.schema import load_manifests
from pipeline.report.selection import select

MOST = 20  # surprises shown; all are in the reports


def summary(config: Path) -> None:
    """Show what was built, what was not kept and why, what waits for a person, and what was left out.

    Args:
        config: The resolved settings; where there are none yet, nothing was built.
    """
    if not config.exists():
        return
    settings = load_config(config)
    selected = select(settings, load_manifests(*settings.manifests))
    waiting = [f"{name}: {steps}" for name, steps in selected.waiting.items()]
    left_out = [f"{name}: {why}" for name, why in selected.left_out.items()]
    show(settings.root, waiting, left_out)


def show(root: Path, waiting: Sequence[str], left_out: Sequence[str]) -> None:
    """Print a table of the stores, then what needs a person's attention."""
    console = Console(stderr=True)
    table = Table("dataset", "tasks", "subjects", "slices not kept", "scans not kept")
    surprises: list[str] = []
    for dataset, (tasks, subjects) in _built(root).items():
        report = root / "reports" / "attrition" / f"{dataset}.csv"
        dropped = attrition.read(report) if report.exists() else []
        surprises += [f"{dataset}: {row}" for row in dropped if row.surprising]
        slices = sum(bool(row.label) for row in dropped)
        table.add_row(dataset, str(tasks), str(subjects), str(slices), str(len(dropped) - slices))
    if table.rows:
        console.print(table)
    _listing(console, f"Not foreseen by the manifests ({root}/reports/attrition has every row):", surprises)
    _listing(console, "Waiting for a person:", waiting)
    _listing(console, "Left out, for what their licences say (`use` in the config):", left_out)


def _built(root: Path) -> dict[str, tuple[int, int]]:
    """Dataset -> tasks, most subjects of a task; from the catalogue."""
    built: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    path = root / "reports" / "catalogue.csv"
    if path.exists():
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                tasks, subjects = built[row["dataset"]]
                built[row["dataset"]] = tasks + 1, max(subjects, int(row["mid"]), int(row["max"]))
    return built


def _listing(console: Console, title: str, lines: Sequence[str]) -> None:
    if lines:
        console.print(f"\n[bold]{title}[/bold]")
        for line in lines[:MOST]:
            console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)
    if len(lines) > MOST:
        console.print(f"  and {len(lines) - MOST} more")
