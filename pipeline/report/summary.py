"""The stage `summary`: what a run built, what it could not use, and what you must do. Shown at the end of each run."""

from collections.abc import Collection, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pipeline import attrition
from pipeline.config import load_config
from pipeline.manifest.schema import load_manifests
from pipeline.report.selection import select
from universeg.base.console import say

MOST_LINES = 20  # per list; the report files have every row


def summary(config: Path) -> None:
    """Show what was built, what was not used and why, which datasets wait for you, and which were left out.

    Args:
        config: The resolved settings. Nothing is shown if the file does not exist, because nothing was built yet.
    """
    if not config.exists():
        return
    settings = load_config(config)
    selected = select(settings, load_manifests(*settings.manifests))
    console = Console(stderr=True)
    unexpected, remarks = _show_stores(console, settings.root, selected.build)
    _show_list(console, f"Unexpected ({settings.root}/reports/attrition has every row):", unexpected)
    _show_list(console, "Remarks (nothing to do unless you miss scans):", remarks)
    _show_list(console, "Waiting for you:", [f"{name}: {steps}" for name, steps in selected.waiting.items()])
    left_out = [f"{name}: {why}" for name, why in selected.left_out.items()]
    _show_list(console, "Left out, because their licence does not allow the use (`use` in the config):", left_out)


def _show_stores(console: Console, root: Path, selected: Collection[str]) -> tuple[list[str], list[str]]:
    """Print one row per dataset with a store or an attrition report; returns its unexpected rows, and its remarks."""
    tasks = _catalogue(root / "reports" / "catalogue.csv")
    reports = {path.stem: path for path in sorted((root / "reports" / "attrition").glob("*.csv"))}
    names = sorted({*tasks, *(reports.keys() & set(selected))})
    table = Table("dataset", "tasks", "subjects", "images", "slices not stored", "scans not used")
    unexpected, remarks = list[str](), list[str]()
    for dataset in names:
        dropped = attrition.read(reports[dataset]) if dataset in reports else []
        unexpected += [f"{dataset}: {row}" for row in dropped if row.unexpected]
        remarks += [f"{dataset}: {row}" for row in dropped if row.known and not row.subject and not row.label]
        slices = sum(bool(row.label) for row in dropped)
        scans = sum(bool(row.subject) and not row.label for row in dropped)
        table.add_row(dataset, *tasks.get(dataset, ("no store", "", "")), str(slices), str(scans))
    if names:
        console.print(table)
    return unexpected, remarks


def _catalogue(path: Path) -> dict[str, tuple[str, str, str]]:
    """Dataset -> its numbers of tasks, subjects and images; empty if nothing is catalogued yet."""
    if not path.exists():
        return {}
    import pandas as pd

    tasks = pd.read_csv(path, keep_default_na=False)
    tasks["images"] = tasks[["mid", "max"]].max(axis=1)
    return {
        str(name): (str(len(rows)), str(rows["subjects"].max()), str(rows["images"].max()))
        for name, rows in tasks.groupby("dataset", sort=False)
    }


def _show_list(console: Console, title: str, lines: Sequence[str]) -> None:
    if lines:
        console.print(f"\n[bold]{title}[/bold]")
        for line in lines[:MOST_LINES]:
            say(console, f"  {line}")
    if len(lines) > MOST_LINES:
        console.print(f"  and {len(lines) - MOST_LINES} more")
