"""The stage `store`: merge a dataset's shards, split its subjects, and report what was not used."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline import attrition
from pipeline.attrition import Dropped
from pipeline.backends.progress import say
from pipeline.build.label_remarks import equal_masks, merged
from pipeline.build.merge import merge
from pipeline.config import RECIPE, Config, load_config
from pipeline.fetch.receipt import read_receipt
from pipeline.manifest.overlaps import stored_overlaps
from pipeline.manifest.schema import Manifest, load_manifest
from pipeline.match.scan_files import ScanFiles, read_scans
from universeg.store import subject_of


def store(
    config: Path,
    manifest: Path,
    shards: tuple[Path, ...],
    out: Path,
    report: Path,
    receipt: Path | None = None,
    scans: Path | None = None,
) -> None:
    """Merge a dataset's shards into its store, split its subjects, and report what was not used and why.

    Args:
        config: The resolved settings. With `strict`, an unexpected row in the report is an error.
        manifest: The dataset's YAML.
        shards: All shards of the dataset, each with its .csv beside it.
        out: The store.
        report: CSV with a row for everything that was found but not used.
        receipt: The receipt of the fetch stage; omit it for generated datasets.
        scans: The output of the match stage; omit it for generated datasets.
    """
    settings, facts = load_config(config), load_manifest(manifest)
    dropped, remarks = merged(row for path in shards for row in attrition.read(path.with_suffix(".csv")))
    if scans is not None:
        dropped += _dropped_before_shards(facts, scans, dropped)
    remarks += equal_masks(shards)
    dropped += remarks
    attrition.write(report, dropped)
    for line in [*attrition.remarks(dropped), *(str(row) for row in remarks if row.known)]:
        say(f"{facts.name}: {line}")
    unexpected = sum(row.unexpected for row in dropped)
    if settings.strict and unexpected:
        raise ValueError(
            f"{facts.name}: {unexpected} unexpected rows in {report}, also listed above; `strict` is set in the"
            " config, so no store is written. Correct the files or the manifest, or set strict: false"
        )
    merge(shards, store_header(facts, receipt, settings), out)


def _dropped_before_shards(manifest: Manifest, scans: Path, dropped: Sequence[Dropped]) -> list[Dropped]:
    """What the match stage dropped, and a remark for each group with another number of usable scans than expected."""
    _, matched, unmatched = read_scans(scans)
    failed = {(row.group, row.subject, row.modality) for row in dropped if not row.label}
    usable = [scan for scan in matched if (scan.group, scan.subject, scan.modality) not in failed]
    return [*unmatched, *unexpected_counts(manifest, usable)]


def store_header(manifest: Manifest, receipt: Path | None, config: Config) -> dict[str, Any]:
    """What a store says about its origin; `merge` adds the splits."""
    sources = read_receipt(receipt) if receipt else []
    return {
        "dataset": manifest.name,
        "title": manifest.title,
        "domain": manifest.domain,
        "role": manifest.role,
        "row": manifest.table3.row if manifest.table3 else manifest.name,
        "licence": manifest.licence.model_dump(),
        "citation": [citation.model_dump() for citation in manifest.citation],
        "overlaps": stored_overlaps(manifest, config.manifests),
        "manifest": manifest.digest(),
        "label_rules": {
            group.name: group.labels.model_dump(mode="json", exclude_defaults=True) for group in manifest.groups
        },
        "generator": {"family": manifest.generator, **config.synthetic.model_dump(exclude_none=True)}
        if manifest.generator
        else None,
        "sources": [{key: file[key] for key in ("file", "bytes", "sha256")} for file in sources],
        "recipe": RECIPE,
        "size": config.resolution,
        "geometry": config.geometry,
        "min_pixels": config.min_pixels,
    }


def unexpected_counts(manifest: Manifest, usable: Sequence[ScanFiles]) -> Iterator[Dropped]:
    """A remark for each group whose number of usable scans or subjects is not what its manifest expects."""
    present = {scan.group for scan in usable}
    replaced = {group.instead_of for group in manifest.groups if group.name in present}
    for group in manifest.groups:
        scans = [scan for scan in usable if scan.group == group.name]
        if group.name in replaced or (group.instead_of is not None and not scans):
            continue
        subjects = {subject_of(scan.subject) for scan in scans}
        both = f"{len(scans)} usable scans (images) of {len(subjects)} subjects (persons)"
        counts = {"scans": (len(scans), group.expect.scans), "subjects": (len(subjects), group.expect.subjects)}
        for what, (found, expected) in counts.items():
            if expected is not None and found != expected:
                reason = f"{both}, the manifest expects {expected} {what}"
                remedy = "check that your copy of the dataset is complete, or correct 'expect' in the manifest"
                yield Dropped(group.name, "", reason=reason, remedy=remedy)
