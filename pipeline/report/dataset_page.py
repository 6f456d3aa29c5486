"""`table`: the datasets as a page of the documents, made of their manifests."""

from pathlib import Path

from pipeline.manifest import expected_counts as promised
from pipeline.manifest.schema import Manifest, load_manifests
from universeg.base.atomic_write import atomic_write

HEAD = """# Datasets

Made from [the manifests](../dataset_manifests/README.md) by `python -m pipeline table`; do not edit.

Scans are usable pairs of image and modality, as the manifest expects them. Tasks are group, modality, label and axis.
What can be had now, and what must be asked for: `python -m pipeline plan --use research`.

| dataset | domain | modality | scans | tasks | licence | commercial | access |
| --- | --- | --- | ---: | ---: | --- | --- | --- |
"""


def table(out: Path = Path("docs/datasets.md"), manifests: Path = Path("dataset_manifests")) -> None:
    """Write the table of datasets.

    Args:
        out: The page.
        manifests: Folder of the manifests.
    """
    with atomic_write(out) as part:
        part.write_text(page(load_manifests(manifests)), encoding="utf-8")


def page(manifests: dict[str, Manifest]) -> str:
    """The whole page; datasets by name, then what they are together."""
    shown = [manifests[name] for name in sorted(manifests, key=str.lower)]
    real = [manifest for manifest in shown if not manifest.generator]
    counts = [promised.scans(manifest) for manifest in real]
    total = sum(count or 0 for count in counts)
    unknown = f", and of {counts.count(None)} nobody knows how many" if None in counts else ""
    tasks = sum(promised.tasks(manifest) for manifest in real)
    foot = f"\n{len(real)} datasets without the generated ones: {total:,} scans{unknown}; {tasks:,} tasks.\n"
    return HEAD + "".join(map(_row, shown)) + foot


def _row(manifest: Manifest) -> str:
    scans = promised.scans(manifest)
    licence = manifest.licence
    cells = [
        f"[{manifest.name}](../dataset_manifests/{manifest.name}.yaml)"
        + (", held out" * (manifest.role == "held-out")),
        manifest.domain,
        promised.unique([name for group in manifest.groups for name in promised.modalities(group)]) or "generated",
        "any" if manifest.generator else "unknown" if scans is None else f"{scans:,}",
        "any" if manifest.generator else f"{promised.tasks(manifest):,}",
        f"[{licence.name}]({licence.url})" if licence.name and licence.url else licence.name or "unknown",
        licence.commercial,
        f"[{manifest.access}]({manifest.homepage})" if manifest.homepage else manifest.access,
    ]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"
