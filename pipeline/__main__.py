"""`python -m pipeline STAGE`: one sub-command per stage, each usable without Snakemake. `--help` explains each."""

import json
import sys
from pathlib import Path

import tyro

from pipeline import attrition
from pipeline.authoring import check
from pipeline.build import merge
from pipeline.match import match as found
from pipeline.config import RECIPE
from pipeline.fetch.fetch import fetch as fetch_files
from pipeline.fetch.fetch import write_receipt
from pipeline.manifest.schema import load_manifest
from pipeline.authoring.draft import new
from pipeline.report.plan import plan
from pipeline.fetch.receipt import received
from pipeline.match.freesurfer import segmented, to_segment
from pipeline.build.shard import Geometry, shard, synthetic
from pipeline.report.dataset_page import table
from pipeline.unpack.unpack import unpack as unpack_files
from pipeline.report import catalogue as tasks
from universeg.base.atomic_write import written_whole
from universeg.store import Store


def fetch(manifest: Path, root: Path, out: Path, mirror: str | None = None, have: Path | None = None) -> None:
    """Obtain every file of a dataset, by URL, mirror or a person, and write the receipt.

    Args:
        manifest: The dataset's YAML.
        root: Files go to root/downloads/<source>/.
        out: The receipt.
        mirror: Folder or URL prefix that serves <source>/<file> in place of the original URLs.
        have: Folder where the dataset is unpacked already; then nothing is fetched.
    """
    facts = load_manifest(manifest)
    files = [] if have else fetch_files(facts.archives, root / "downloads", mirror)
    write_receipt(out, facts.name, files)


def unpack(manifest: Path, root: Path, out: Path, have: Path | None = None, receipt: Path | None = None) -> None:
    """Unpack a dataset's archives, or take the folder that somebody has, and note where its files are.

    Args:
        manifest: The dataset's YAML.
        root: From root/downloads/<source>/ to root/raw/<dataset>/.
        out: The note: JSON with the folder of the dataset's files.
        have: Folder where the dataset is unpacked already; it is not changed.
        receipt: What the fetch stage wrote; files that are as old need not be hashed again.
    """
    facts = load_manifest(manifest)
    folder = have or root / "raw" / facts.name
    if not have:
        archives = [(s, root / "downloads" / str(s.name) / s.file) for s in facts.archives]
        unpack_files(archives, folder, known=received(receipt, root / "downloads"))
    with written_whole(out) as part:
        part.write_text(json.dumps({"root": str(folder)}), encoding="utf-8")


def scans(manifest: Path, raw: Path, out: Path) -> None:
    """Match files to subjects, modalities and labels by the manifest's patterns.

    Args:
        manifest: The dataset's YAML.
        raw: What the unpack stage noted.
        out: JSON with the scans, and the files that make none and why.
    """
    facts = load_manifest(manifest)
    root = Path(json.loads(raw.read_text(encoding="utf-8"))["root"])
    good, dropped = found.scans_of(facts, root)
    if not good:
        patterns = "; ".join(form.image for group in facts.groups for form in group.scans)
        tool = "; `segment` in the config can make labels of scans without any" if facts.segments else ""
        why = (
            f"the first of {len(dropped)} remarks: {dropped[0]}" if dropped else "no file fits; is it the right folder?"
        )
        raise ValueError(f"{root}: no scan of {facts.name} can be used; its image patterns: {patterns}; {why}{tool}")
    found.write(out, root, good, dropped)


def store(
    manifest: Path,
    shards: tuple[Path, ...],
    out: Path,
    report: Path,
    receipt: Path | None = None,
    scans: Path | None = None,
    size: int = 128,
    geometry: Geometry = "isotropic",
    min_pixels: int = 1,
    strict: bool = False,
) -> None:
    """Merge a dataset's shards into its store, split its subjects, and report what was not kept and why.

    Args:
        manifest: The dataset's YAML.
        shards: All of them.
        out: The store.
        report: CSV of what was not kept.
        receipt: What the fetch stage wrote; none for generated datasets.
        scans: What the scans stage found; none for generated datasets.
        size: As for the shards.
        geometry: As for the shards.
        min_pixels: As for the shards.
        strict: Make no store if a scan is unusable that the manifest does not foresee.
    """
    facts = load_manifest(manifest)
    dropped = [row for path in shards for row in attrition.read(path.with_suffix(".csv"))]
    if scans is not None:
        _, good, unmatched = found.read(scans)
        failed = {(row.group, row.subject, row.modality) for row in dropped if not row.label}
        usable = [scan for scan in good if (scan.group, scan.subject, scan.modality) not in failed]
        dropped += [*unmatched, *merge.unexpected_counts(facts, usable)]
    attrition.write(report, dropped)
    surprises = [row for row in dropped if row.surprising]
    sys.stderr.write("".join(f"{facts.name}: {line}\n" for line in attrition.remarks(dropped)))
    if strict and surprises:
        raise ValueError(
            f"{facts.name}: strict is on and {len(surprises)} surprises are listed above: no store is made"
        )
    recipe = {"recipe": RECIPE, "size": size, "geometry": geometry, "min_pixels": min_pixels}
    merge.merge(shards, merge.header_of(facts, receipt, recipe), out)


def catalogue(stores: tuple[Path, ...], out: Path) -> None:
    """Write one row per task over all stores: subjects, splits, areas."""
    tasks.write(out, tasks.rows(Store(path) for path in stores))


def sheet(store: Path, out: Path) -> None:
    """Draw a contact sheet of a store: images with mask outlines."""
    from pipeline.report.contact_sheet import draw

    draw(Store(store), out)


def summary(root: Path, waiting: tuple[str, ...] = (), left_out: tuple[str, ...] = ()) -> None:
    """Show what has been built below a root, what was not kept, what a person must ask for, and what was left out."""
    from pipeline.report.summary import show

    show(root, waiting, left_out)


STAGES = {
    function.__name__: function
    for function in (
        check.check,
        check.schema,
        new,
        plan,
        table,
        fetch,
        unpack,
        to_segment,
        segmented,
        scans,
        shard,
        synthetic,
        store,
        catalogue,
        sheet,
        summary,
    )
}


def main() -> None:
    """Run one stage; an error that a person can mend is a sentence, not a traceback."""
    try:
        tyro.extras.subcommand_cli_from_dict(STAGES, prog="python -m pipeline", description=__doc__)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
