"""The stage `plan`: which datasets can be downloaded now and which need an access request, from manifests alone."""

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
    bytes: int
    files_of_unknown_size: int
    scans: int | None
    tasks: int
    only: UniqueContent
    overlaps: list[str]  # of a training dataset with datasets that are kept for evaluation


def plan(
    use: Use = "research",
    json: bool = False,
    root: Path = Path("data"),
    manifests: tuple[Path, ...] = (Path("dataset_manifests"),),
    mirror: str | None = None,
) -> None:
    """Show which datasets can be downloaded now, which need an access request, what each contributes, and overlaps.

    Args:
        use: What you will use the data for. Unknown licence terms count as not allowed, except for research.
        json: Print the plan to standard output as JSON.
        root: The root folder of the config. Files in <root>/downloads are not downloaded again.
        manifests: Folders with manifests.
        mirror: As in the config. Files that the mirror has need no access request.
    """
    rows = planned(load_manifests(*manifests), Config(root=root, mirror=mirror), use)
    if json:
        sys.stdout.write(text.dumps({"use": use, "datasets": [asdict(row) for row in rows]}, indent=2) + "\n")
    else:
        _show(rows, use)


def planned(manifests: Mapping[str, Manifest], config: Config, use: Use) -> list[PlannedDataset]:
    """The plan: one entry per dataset, sorted by name."""
    return [_planned_dataset(manifest, manifests, config, use) for _, manifest in sorted(manifests.items())]


def _planned_dataset(manifest: Manifest, manifests: Mapping[str, Manifest], config: Config, use: Use) -> PlannedDataset:
    refusal, steps = why_not_allowed(manifest, use), missing_sources(config, manifest)
    known, unknown = expected_counts.download_size(manifest)
    return PlannedDataset(
        manifest.name,
        "no" if refusal else "ask" if steps else "now",
        refusal or (f"{len(steps)} of {len(manifest.archives)} files" if steps else ""),
        steps,
        manifest.homepage,
        manifest.access,
        manifest.licence.name,
        known,
        unknown,
        expected_counts.scans(manifest),
        expected_counts.tasks(manifest),
        _unique_content(manifest, manifests),
        [f"{o.dataset} ({o.shared}): {o.what}" for o in evaluation_overlaps(manifest, manifests)],
    )


def _unique_content(manifest: Manifest, manifests: Mapping[str, Manifest]) -> UniqueContent:
    others = [other for name, other in manifests.items() if name != manifest.name]
    theirs = {label.lower() for other in others for group in other.groups for label in expected_counts.labels(group)}
    mine = dict.fromkeys(label for group in manifest.groups for label in expected_counts.labels(group))
    shared = manifest.domain.lower() in {other.domain.lower() for other in others}
    return UniqueContent(None if shared else manifest.domain, [label for label in mine if label.lower() not in theirs])


def _show(rows: list[PlannedDataset], use: Use) -> None:
    console = Console()
    legend = "now: can be downloaded; ask: needs the steps below; no: the licence does not allow the use"
    table = Table(title=f"Datasets for {use}", caption=legend, box=SIMPLE_HEAD, show_edge=False, padding=0)
    # Names are never cut, even in a narrow terminal, because you type them into a config.
    table.add_column("dataset", no_wrap=True, min_width=max((len(row.name) for row in rows), default=0))
    for title in ("status", "access", "size", "scans", "tasks", "licence"):
        folded = title in ("size", "licence")
        table.add_column(title, overflow="fold", no_wrap=not folded, min_width=len("unknown") if folded else None)
    for row in rows:
        size = expected_counts.readable_size(row.bytes, row.files_of_unknown_size) if row.bytes else "unknown"
        scans = "unknown" if row.scans is None else str(row.scans)
        status = f"[{COLOURS[row.status]}]{row.status}"
        table.add_row(row.name, status, row.access, size, scans, str(row.tasks), row.licence or "unknown")
    console.print(table)
    for title, status in (("Access requests", "ask"), (f"Left out: the licence does not allow {use}", "no")):
        chosen = [row for row in rows if row.status == status]
        if chosen:
            console.print(f"\n[bold]{title}[/bold]")
        for row in chosen:
            for line in _lines(row):
                say(console, line)
    _show_overlaps(console, [f"  {row.name} and {line}" for row in rows for line in row.overlaps])


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
