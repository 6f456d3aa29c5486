"""The stage `table`: the documentation pages of datasets and of tasks, generated from the manifests."""

from pathlib import Path

from pipeline.manifest import expected_counts
from pipeline.manifest.schema import Manifest, load_manifests
from pipeline.report.task_page import task_page
from universeg.base.atomic_write import atomic_write

MANIFESTS = "../../dataset_manifests"  # as seen from the page in docs/reference
ROLES = {"train": "", "held-out": ", held out", "extra": ", extra"}
HEAD = f"""# Datasets

This page is generated from [the manifests]({MANIFESTS}/README.md) by `python -m pipeline table`. Do not edit it.

Scans: the number of usable pairs of image and modality that the manifest expects. Tasks: combinations of group,
modality, label and axis ([more](tasks.md)). Held-out datasets are those that the paper evaluates on. An extra dataset
is not used for training, and evaluated only if it is named. `python -m pipeline plan --use research` shows which
datasets can be downloaded now and which need an access request.

| dataset | domain | modality | scans | tasks | licence | commercial use | access |
| --- | --- | --- | ---: | ---: | --- | --- | --- |
"""


def table(
    out: Path = Path("docs/reference/datasets.md"),
    tasks: Path = Path("docs/reference/tasks.md"),
    manifests: Path = Path("dataset_manifests"),
) -> None:
    """Write the documentation pages that list all datasets, and count their tasks.

    Args:
        out: The page of datasets to write.
        tasks: The page of tasks to write.
        manifests: The folder of the manifests.
    """
    found = load_manifests(manifests)
    for path, text in ((out, page(found)), (tasks, task_page(found))):
        with atomic_write(path) as part:
            part.write_text(text, encoding="utf-8")


def page(manifests: dict[str, Manifest]) -> str:
    """The page as Markdown: one row per dataset, sorted by name, and the totals."""
    shown = [manifests[name] for name in sorted(manifests, key=str.lower)]
    published = [manifest for manifest in shown if not manifest.generator and manifest.role != "extra"]
    counts = [expected_counts.scans(manifest) for manifest in published]
    total = sum(count or 0 for count in counts)
    unknown = f" ({counts.count(None)} of these datasets have an unknown number of scans)" if None in counts else ""
    tasks = sum(expected_counts.tasks(manifest) for manifest in published)
    totals = f"{len(published)} datasets, {total:,} scans{unknown}, {tasks:,} tasks"
    return HEAD + "".join(map(_row, shown)) + f"\nTotal without generated and extra datasets: {totals}.\n"


def _row(manifest: Manifest) -> str:
    scans = expected_counts.scans(manifest)
    licence = manifest.licence
    modalities = [name for group in manifest.groups for name in expected_counts.modalities(group)]
    cells = [
        f"[{manifest.name}]({MANIFESTS}/{manifest.name}.yaml)" + ROLES[manifest.role],
        manifest.domain,
        expected_counts.unique(modalities) or "generated",
        "any" if manifest.generator else "unknown" if scans is None else f"{scans:,}",
        "any" if manifest.generator else f"{expected_counts.tasks(manifest):,}",
        f"[{licence.name}]({licence.url})" if licence.name and licence.url else licence.name or "unknown",
        licence.commercial,
        f"[{manifest.access}]({manifest.homepage})" if manifest.homepage else manifest.access,
    ]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"
