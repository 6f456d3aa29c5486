"""The stage `cards`: a data card for each built dataset, in Markdown for people and in Croissant for programs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.attrition import printable
from pipeline.config import load_config
from pipeline.manifest.schema import Manifest, load_manifests
from pipeline.report.attrition_table import Attrition, attrition_of, table
from pipeline.report.catalogue import task_row
from universeg.base.atomic_write import atomic_write, write_json
from universeg.base.file_digest import sha256_of
from universeg.store import SPLITS, Store
from universeg.store.citation import bibtex, facts_of, obligations
from universeg.store.export.croissant import CONTEXT


def cards(config: Path, out: Path | None = None) -> None:
    """Write a data card for each built dataset: DATASET.md for people, DATASET.json in Croissant for programs.

    Args:
        config: The resolved settings, <root>/config.json.
        out: The folder for the cards. Default: <root>/reports/cards.
    """
    settings = load_config(config)
    manifests, root = load_manifests(*settings.manifests), settings.root
    stores = sorted((root / "stores").glob("*.lmdb"))
    if not stores:
        raise ValueError(f"{root}/stores has no store; build one with snakemake")
    folder = out or root / "reports" / "cards"
    for path in stores:
        store, manifest = Store(path), manifests.get(path.stem)
        text = "\n".join(card(store, manifest, attrition_of(store, manifest, root))) + "\n"
        with atomic_write(folder / f"{path.stem}.md") as part:
            part.write_text(printable(text), encoding="utf-8")
        write_json(folder / f"{path.stem}.json", croissant(store, manifest))


def card(store: Store, manifest: Manifest | None, attrition: Attrition) -> Iterator[str]:
    """The lines of a data card."""
    header = store.header
    yield f"# {header['dataset']}: {header['title']}\n"
    yield f"{header['domain']}. Role: {header['role']}. Row in Table 3 of the paper: {header['row']}."
    if manifest is not None and manifest.homepage:
        yield f"\nHomepage: <{manifest.homepage}>. Access: {manifest.access}."
    yield "\n## Licence\n"
    yield from (f"- {line.strip()}" for line in obligations(facts_of(header, "in the store")))
    yield "\n## What to cite\n\n```bibtex"
    yield from bibtex([facts_of(header)])
    yield "```\n\n## What is in the store\n"
    counts = header["counts"]
    splits = ", ".join(f"{name} {counts[name]}" for name in SPLITS)
    yield f"{counts['images']} images of {counts['subjects']} subjects ({splits}), {header['size']} pixels per side.\n"
    yield "| task | images (mid) | images (max) | subjects | median area |\n| --- | ---: | ---: | ---: | ---: |"
    for key in store.tasks:
        *_, middle, largest, subjects, _, _, _, _, median, _ = task_row(store, key)
        yield f"| {key} | {middle} | {largest} | {subjects} | {float(median):.2%} |"
    yield f"\n## Expected, found and used\n\n{table([attrition])}"
    yield "## How it was made\n"
    yield f"- recipe {header['recipe']}, geometry {header['geometry']}, at least {header['min_pixels']} pixels per mask"
    yield f"- manifest with the digest {header['manifest']}"
    yield from (f"- {one['file']}: {one['bytes']} bytes, sha256 {one['sha256']}" for one in header["sources"])
    yield from (f"- labels of {group}: {rule['kind']}" for group, rule in header["label_rules"].items())
    yield from (
        f"- overlaps with {one['dataset']} ({one['shared']}): {one['what']}" for one in header.get("overlaps", [])
    )


def croissant(store: Store, manifest: Manifest | None) -> dict[str, Any]:
    """The metadata of a store in the Croissant format, version 1.0. It has no record sets, which LMDB does not have."""
    header = store.header
    licence = header["licence"]
    digest = sha256_of(store.path)
    return {
        "@context": dict(CONTEXT),
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": header["dataset"],
        "description": f"{header['title']}: {header['counts']['images']} images with masks, {header['domain']}",
        "version": f"{header['recipe']}.0.0",
        **({"license": licence["url"] or licence["name"]} if licence["url"] or licence["name"] else {}),
        **({"url": manifest.homepage} if manifest is not None and manifest.homepage else {}),
        **({"citeAs": "\n".join(bibtex([facts_of(header)]))} if header["citation"] else {}),
        "keywords": sorted({header["domain"], *(key.split("/")[3] for key in store.tasks)}),
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": "store",
                "name": store.path.name,
                "contentUrl": store.path.name,
                "contentSize": f"{store.path.stat().st_size} B",
                "encodingFormat": "application/octet-stream",
                "sha256": digest,
            }
        ],
    }
