"""The stage `attrition`: for each built dataset how many scans were expected, found and used, and why not all."""

import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.attrition import Dropped, read
from pipeline.config import load_config
from pipeline.manifest import expected_counts
from pipeline.manifest.schema import Manifest, load_manifests
from pipeline.match.scan_files import read_scans
from universeg.base.atomic_write import atomic_write
from universeg.store import Store, Task, subject_of

MOST_REASONS = 3  # of a dataset, in the table
HEAD = """\
| dataset | Table 3 | expected | found | used | subjects | not used, and why |
| --- | ---: | ---: | ---: | ---: | ---: | --- |
"""


@dataclass(frozen=True)
class Attrition:
    """Numbers of scans of one dataset; a scan is one image of a subject in one modality."""

    dataset: str
    table3: int | None  # in the paper; None if the table has none for it
    expected: int | None  # by the manifest
    found: int  # with an image or a label file
    used: int  # with at least one slice in the store
    subjects: int  # persons or specimens in the store
    reasons: Mapping[str, int]  # why scans were not used, with the most frequent first


def attrition(config: Path, out: Path | None = None) -> None:
    """Show for each built dataset how many scans were expected, found and used, and why not all of them.

    Args:
        config: The resolved settings, <root>/config.json.
        out: Write the table to this Markdown file instead of showing it.
    """
    text = table(attrition_of_root(config))
    if out is None:
        sys.stdout.write(text)
        return
    with atomic_write(out) as part:
        part.write_text(text, encoding="utf-8")


def attrition_of_root(config: Path) -> list[Attrition]:
    """The numbers of all datasets with a store below the root of the config; raises ValueError if there is none."""
    settings = load_config(config)
    manifests, root = load_manifests(*settings.manifests), settings.root
    stores = sorted((root / "stores").glob("*.lmdb"))
    if not stores:
        raise ValueError(f"{root}/stores has no store; build one with snakemake")
    return [attrition_of(Store(path), manifests.get(path.stem), root) for path in stores]


def attrition_of(store: Store, manifest: Manifest | None, root: Path) -> Attrition:
    """The numbers of one dataset."""
    name = store.header["dataset"]
    used = {
        (task.group, task.modality, subject)
        for key in store.tasks
        for task in [Task.parse(key)]
        for slicing in ("mid", "max")
        for subject in store.areas(key, slicing)
    }
    report, scans = root / "reports/attrition" / f"{name}.csv", root / "scans" / f"{name}.json"
    rows = [row for row in (read(report) if report.exists() else []) if row.subject and not row.label]
    lost = {(row.group, row.modality, row.subject): row for row in rows}
    matched = {(scan.group, scan.modality, scan.subject) for scan in read_scans(scans)[1]} if scans.exists() else set()
    found = used | matched | lost.keys()
    reasons = Counter(_kind(lost.get(scan)) for scan in found - used)
    return Attrition(
        name,
        manifest.table3.scans if manifest and manifest.table3 else None,
        expected_counts.scans(manifest) if manifest else None,
        len(found),
        len(used),
        len({subject_of(subject) for _, _, subject in used}),
        dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
    )


def table(rows: Sequence[Attrition]) -> str:
    """The numbers as a Markdown table."""
    return HEAD + "".join("| " + " | ".join(_cells(row)) + " |\n" for row in rows)


def _cells(row: Attrition) -> Iterator[str]:
    yield row.dataset
    yield "none" if row.table3 is None else f"{row.table3:,}"
    yield "unknown" if row.expected is None else f"{row.expected:,}"
    yield from (f"{count:,}" for count in (row.found, row.used, row.subjects))
    listed = [f"{count}: {reason}" for reason, count in list(row.reasons.items())[:MOST_REASONS]]
    more = len(row.reasons) - MOST_REASONS
    yield "; ".join([*listed, *([f"{more} more reasons"] if more > 0 else [])]).replace("|", "\\|") or "all used"


def _kind(row: Dropped | None) -> str:
    """The part of a reason that many scans share: without numbers, and up to the first colon."""
    if row is None:
        return "no slice of it could be stored"
    return re.sub(r"\d[\d.]*", "N", row.reason.partition(":")[0])
