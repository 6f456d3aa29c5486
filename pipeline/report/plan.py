"""`plan`: from manifests alone, what can be had now, what must be asked for and where, and what is lost without it."""

import json as text
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pipeline.config import Config
from pipeline.manifest import expected_counts as promised
from pipeline.manifest import licence as terms
from pipeline.manifest.licence import Use
from pipeline.manifest.schema import Manifest, load_manifests
from pipeline.report.selection import missing_sources

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
    status: str  # now: nobody need be asked; ask: steps for a person; no: its licence does not allow the use
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


def plan(
    use: Use = "research",
    json: bool = False,
    root: Path = Path("data"),
    manifests: tuple[Path, ...] = (Path("dataset_manifests"),),
    mirror: str | None = None,
) -> None:
    """Say which datasets can be had now, which must be asked for and where, and what is lost without each.

    Args:
        use: What for: datasets whose licence does not allow it are left out. Unknown counts as no, but for research.
        json: Print it for programs, to stdout.
        root: Files that are below root/downloads already need not be had again.
        manifests: Folders of manifests.
        mirror: As in the config: what it has need not be asked for.
    """
    rows = planned(load_manifests(*manifests), Config(root=root, mirror=mirror), use)
    if json:
        sys.stdout.write(text.dumps({"use": use, "datasets": [asdict(row) for row in rows]}, indent=2) + "\n")
    else:
        _show(rows, use)


def planned(manifests: Mapping[str, Manifest], config: Config, use: Use) -> list[PlannedDataset]:
    """A row for each dataset, by name."""
    return [_row(manifest, manifests, config, use) for _, manifest in sorted(manifests.items())]


def _row(manifest: Manifest, manifests: Mapping[str, Manifest], config: Config, use: Use) -> PlannedDataset:
    refusal, steps = terms.why_not_allowed(manifest, use), missing_sources(config, manifest)
    known, unknown = promised.size(manifest)
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
        promised.scans(manifest),
        promised.tasks(manifest),
        _only(manifest, manifests),
    )


def _only(manifest: Manifest, manifests: Mapping[str, Manifest]) -> UniqueContent:
    others = [other for name, other in manifests.items() if name != manifest.name]
    theirs = {label.lower() for other in others for group in other.groups for label in promised.labels(group)}
    mine = dict.fromkeys(label for group in manifest.groups for label in promised.labels(group))
    shared = manifest.domain.lower() in {other.domain.lower() for other in others}
    return UniqueContent(None if shared else manifest.domain, [label for label in mine if label.lower() not in theirs])


def _show(rows: list[PlannedDataset], use: Use) -> None:
    console = Console()
    table = Table("dataset", "for " + use, "size", "scans", "tasks", "licence", "access")
    for row in rows:
        size = promised.shown(row.bytes, row.files_of_unknown_size)
        scans = "unknown" if row.scans is None else str(row.scans)
        status = f"[{COLOURS[row.status]}]{row.status}"
        table.add_row(row.name, status, size, scans, str(row.tasks), row.licence or "unknown", row.access)
    console.print(table)
    for title, status in (("To ask for", "ask"), (f"Left out: the licence does not allow {use}", "no")):
        chosen = [row for row in rows if row.status == status]
        if chosen:
            console.print(f"\n[bold]{title}[/bold]")
        for row in chosen:
            for line in _lines(row):
                console.print(line, markup=False, highlight=False, soft_wrap=True)


def _lines(row: PlannedDataset) -> list[str]:
    """A dataset that is not to be had now: why, what to do, and what is lost without it."""
    lines = [f"  {row.name}: {row.why}" + (f"; {row.homepage}" if row.homepage else "")]
    lines += [f"    {step}" for step in row.steps if row.status == "ask"]
    lost = [f"scans: {'unknown' if row.scans is None else row.scans}", f"tasks: {row.tasks}"]
    lost += [f"the only dataset of {row.only.domain}"] if row.only.domain else []
    lost += [f"the only one with {', '.join(row.only.labels)}"] if row.only.labels else []
    return [*lines, f"    Lost without it: {'; '.join(lost)}"]
