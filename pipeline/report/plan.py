"""The stage `plan`: which datasets can be downloaded now, which need an access request, and what each will need."""

import csv as table_file
import json as text
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from pipeline.config import Config
from pipeline.manifest import expected_counts
from pipeline.manifest.licence import Use, why_not_allowed
from pipeline.manifest.overlaps import evaluation_overlaps
from pipeline.manifest.schema import Manifest, load_manifests
from pipeline.report.forecast import Forecast, download_hours, forecast, size_of
from pipeline.report.forecast_table import Total, forecast_cells, forecast_table
from pipeline.report.selection import missing_sources
from universeg.base.console import say

COLOURS = {"now": "green", "ask": "yellow", "no": "red"}


@dataclass(frozen=True)
class UniqueContent:
    """What no other dataset has."""

    domain: str | None
    labels: list[str]


@dataclass(frozen=True)
class PlannedDataset:
    """One dataset of the plan."""

    name: str
    status: str  # now: can be downloaded; ask: you must follow `steps` first; no: the licence does not allow the use
    why: str
    steps: list[str]
    homepage: str | None
    access: str
    licence: str | None
    scans: int | None
    tasks: int
    forecast: Forecast
    only: UniqueContent
    overlaps: list[str]  # of a training dataset with datasets that are kept for evaluation


def plan(
    use: Use = "research",
    json: bool = False,
    csv: bool = False,
    mbit: float = 100,
    root: Path = Path("data"),
    manifests: tuple[Path, ...] = (Path("dataset_manifests"),),
    mirror: str | None = None,
) -> None:
    """Show which datasets can be downloaded now, which need an access request, and what each needs and contributes.

    Nothing is downloaded. Hours, memory and disk are forecast from the sizes in the manifests and from measured costs
    of each format; where a size is unknown, there is no forecast.

    Args:
        use: What you will use the data for. Unknown licence terms count as not allowed, except for research.
        json: Print the plan to standard output as JSON.
        csv: Print one row per dataset to standard output as CSV. Cells that are unknown are empty.
        mbit: The speed of your connection in megabits per second, for the hours of downloads.
        root: The root folder of the config. Files in <root>/downloads are not downloaded again.
        manifests: Folders with manifests.
        mirror: As in the config. Files that the mirror has need no access request.
    """
    known, config = load_manifests(*manifests), Config(root=root, mirror=mirror)
    rows = planned(known, config, use)
    if json:
        sys.stdout.write(text.dumps({"use": use, "datasets": [asdict(row) for row in rows]}, indent=2) + "\n")
    elif csv:
        _write_csv(rows, mbit)
    else:
        console = Console()
        _show_datasets(console, rows, use)
        _show_forecast(console, rows, known, config, mbit)
        _show_requests(console, rows, use)
        _show_overlaps(console, [f"  {row.name} and {line}" for row in rows for line in row.overlaps])


def planned(manifests: Mapping[str, Manifest], config: Config, use: Use) -> list[PlannedDataset]:
    """The plan: one entry per dataset, sorted by name."""
    return [_planned_dataset(manifest, manifests, config, use) for _, manifest in sorted(manifests.items())]


def _planned_dataset(manifest: Manifest, manifests: Mapping[str, Manifest], config: Config, use: Use) -> PlannedDataset:
    refusal, steps = why_not_allowed(manifest, use), missing_sources(config, manifest)
    return PlannedDataset(
        manifest.name,
        "no" if refusal else "ask" if steps else "now",
        refusal or (f"{len(steps)} of {len(manifest.archives)} files" if steps else ""),
        steps,
        manifest.homepage,
        manifest.access,
        manifest.licence.name,
        expected_counts.scans(manifest),
        expected_counts.tasks(manifest),
        forecast(manifest, config),
        _unique_content(manifest, manifests),
        [f"{o.dataset} ({o.shared}): {o.what}" for o in evaluation_overlaps(manifest, manifests)],
    )


def _unique_content(manifest: Manifest, manifests: Mapping[str, Manifest]) -> UniqueContent:
    others = [other for name, other in manifests.items() if name != manifest.name]
    theirs = {label.lower() for other in others for group in other.groups for label in expected_counts.labels(group)}
    mine = dict.fromkeys(label for group in manifest.groups for label in expected_counts.labels(group))
    shared = manifest.domain.lower() in {other.domain.lower() for other in others}
    return UniqueContent(None if shared else manifest.domain, [label for label in mine if label.lower() not in theirs])


def _write_csv(rows: list[PlannedDataset], megabits: float) -> None:
    facts = ("name", "status", "access", "licence", "scans", "tasks")
    writer = table_file.writer(sys.stdout, lineterminator="\n")
    writer.writerow([*facts, *forecast_cells(None, megabits)])
    for row in rows:
        writer.writerow([*(getattr(row, fact) for fact in facts), *forecast_cells(row.forecast, megabits).values()])


def _show_forecast(
    console: Console, rows: list[PlannedDataset], manifests: Mapping[str, Manifest], config: Config, megabits: float
) -> None:
    """The table of forecasts, its totals, and the datasets without a forecast."""

    def total(title: str, names: list[str]) -> Total:
        files = {(one.name, one.file): size_of(one, config) for name in names for one in manifests[name].archives}
        size = sum(size or 0 for size in files.values())
        return Total(title, names, size, download_hours(size, megabits))

    known = [row for row in rows if row.forecast.build_hours is not None]
    totals = [
        total(f"{len(chosen)} {what}", [row.name for row in chosen])
        for what, chosen in (("that can be downloaded now", [r for r in known if r.status == "now"]), ("in all", known))
    ]
    console.print()
    console.print(forecast_table({row.name: row.forecast for row in rows}, totals, megabits))
    unknown = [row.name for row in rows if row.forecast.build_hours is None]
    if unknown:
        say(console, f"\nNo forecast, because the size or the number of scans is unknown ({len(unknown)} datasets):")
        say(console, f"  {', '.join(unknown)}")


def _show_datasets(console: Console, rows: list[PlannedDataset], use: Use) -> None:
    legend = "now: can be downloaded; ask: needs the steps below; no: the licence does not allow the use"
    table = Table(title=f"Datasets for {use}", caption=legend, box=SIMPLE_HEAD, show_edge=False, padding=0)
    # Names are never cut, even in a narrow terminal, because you type them into a config.
    table.add_column("dataset", no_wrap=True, min_width=max((len(row.name) for row in rows), default=0))
    for title in ("status", "access", "scans", "tasks", "licence"):
        folded = title == "licence"
        table.add_column(title, overflow="fold", no_wrap=not folded, min_width=len("unknown") if folded else None)
    for row in rows:
        scans = "unknown" if row.scans is None else str(row.scans)
        status = f"[{COLOURS[row.status]}]{row.status}"
        table.add_row(row.name, status, row.access, scans, str(row.tasks), row.licence or "unknown")
    console.print(table)


def _show_requests(console: Console, rows: list[PlannedDataset], use: Use) -> None:
    for title, status in (("Access requests", "ask"), (f"Left out: the licence does not allow {use}", "no")):
        chosen = [row for row in rows if row.status == status]
        if chosen:
            console.print(f"\n[bold]{title}[/bold]")
        for row in chosen:
            for line in _lines(row):
                say(console, line)


def _show_overlaps(console: Console, lines: list[str]) -> None:
    if lines:
        console.print("\n[bold]Training data that is also in data for evaluation[/bold]")
        console.print("  universeg train --exclude-overlaps leaves it out.")
    for line in lines:
        say(console, line)


def _lines(row: PlannedDataset) -> list[str]:
    """A dataset that cannot be downloaded now: why, what you must do, and what it would contribute."""
    lines = [f"  {row.name}: {row.why}" + (f"; {row.homepage}" if row.homepage else "")]
    lines += [f"    {step}" for step in row.steps if row.status == "ask"]
    gains = [f"{'an unknown number of' if row.scans is None else row.scans} scans", f"{row.tasks} tasks"]
    gains += [f"the only dataset of {row.only.domain}"] if row.only.domain else []
    gains += [f"the only one with {', '.join(row.only.labels)}"] if row.only.labels else []
    return [*lines, f"    It contributes: {'; '.join(gains)}"]
