"""A dataset's shards into its one store, with the split of its subjects."""

import heapq
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.attrition import Dropped
from pipeline.manifest.schema import Manifest
from pipeline.match.match import ScanFiles
from universeg.base.rng import rng_for
from universeg.store import SPLITS, Store, subject_of, write_store
from universeg.store.format import Packed

SHARES = (0.6, 0.2, 0.2)  # support, dev, test: paper, section 5.1


def split(dataset: str, subjects: Sequence[str]) -> dict[str, str]:
    """Subjects to support 60 %, dev 20 % and test 20 %, by a generator named after the dataset."""
    ordered = sorted(set(subjects))
    order = rng_for("split", dataset).permutation(len(ordered))
    support, dev = (round(len(ordered) * sum(SHARES[:k])) for k in (1, 2))
    bounds = {SPLITS[0]: order[:support], SPLITS[1]: order[support:dev], SPLITS[2]: order[dev:]}
    return {ordered[i]: name for name, chosen in bounds.items() for i in sorted(chosen)}


def merge(shards: Sequence[Path], header: Mapping[str, Any], path: Path) -> Store:
    """Write the store of one dataset from its shards, whatever their number; each record is copied as it is."""
    opened = [Store(shard) for shard in shards]
    subjects = {subject_of(name) for shard in opened for task in shard.tasks for name in _names(shard, task)}
    if not subjects:
        raise ValueError(
            f"{header['dataset']}: none of its scans could be used, so there is no store;"
            f" the reasons are in reports/attrition/{header['dataset']}.csv"
        )
    splits = split(header["dataset"], sorted(subjects))
    counts = {name: sum(chosen == name for chosen in splits.values()) for name in SPLITS}
    packed: Iterator[Packed] = heapq.merge(*(shard.packed() for shard in opened))
    write_store(path, {**header, "splits": splits, "counts": {"subjects": len(splits), **counts}}, packed)
    return Store(path)


def _names(store: Store, task: str) -> list[str]:
    return [name for slicing in ("mid", "max") for name in store.subjects(task, slicing=slicing)]


def header_of(manifest: Manifest, receipt: Path | None, recipe: Mapping[str, Any]) -> dict[str, Any]:
    """What a store says about itself, apart from its splits."""
    sources = json.loads(receipt.read_text(encoding="utf-8"))["files"] if receipt else []
    return {
        "dataset": manifest.name,
        "title": manifest.title,
        "domain": manifest.domain,
        "role": manifest.role,
        "row": manifest.table3.row if manifest.table3 else manifest.name,
        "licence": manifest.licence.model_dump(),
        "citation": [citation.model_dump() for citation in manifest.citation],
        "manifest": manifest.digest(),
        "sources": [{key: file[key] for key in ("file", "bytes", "sha256")} for file in sources],
        **recipe,
    }


def unexpected_counts(manifest: Manifest, usable: Sequence[ScanFiles]) -> Iterator[Dropped]:
    """A remark for each group that has other numbers of usable scans or subjects than its manifest expects."""
    replaced = {group.instead_of for group in manifest.groups if group.name in {scan.group for scan in usable}}
    for group in manifest.groups:
        scans = [scan for scan in usable if scan.group == group.name]
        if group.name in replaced or (group.instead_of is not None and not scans):
            continue
        subjects = {subject_of(scan.subject) for scan in scans}
        counts = {"scans": (len(scans), group.expect.scans), "subjects": (len(subjects), group.expect.subjects)}
        for what, (found, expected) in counts.items():
            if expected is not None and found != expected:
                reason = f"{found} usable {what}, the manifest expects {expected}"
                yield Dropped(group.name, "", reason=reason, remedy="complete the copy, or correct 'expect'")
