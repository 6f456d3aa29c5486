"""Whether manifests are usable, without any data; and their schema for editors."""

import json
import sys
from pathlib import Path

import tyro
from rich.console import Console
from rich.table import Table

from pipeline.document import DocumentError
from pipeline.manifest import Manifest, load_manifest
from pipeline.problems import problems
from universeg.files import written_whole


def check(names: tyro.conf.Positional[tuple[str, ...]] = (), manifests: Path = Path("dataset_manifests")) -> None:
    """Check manifests, all of them or those named; exit status 1 if any has a mistake."""
    paths = [manifests / f"{name}.yaml" for name in names] or sorted(manifests.glob("*.yaml"))
    table = Table("manifest", "groups", "scans", "access", "licence", "verdict")
    mistakes: list[str] = []
    for path in paths:
        try:
            manifest = load_manifest(path)
        except DocumentError as error:
            mistakes.append(str(error))
            table.add_row(path.stem, *["?"] * 4, "[red]cannot be read")
            continue
        found = list(problems(manifest))
        mistakes += [f"{path}: {problem}" for problem in found]
        scans = sum(group.expect.scans or 0 for group in manifest.groups)
        licence = manifest.licence.name or "unknown"
        verdict = "[red]wrong" if found else "[green]good"
        table.add_row(manifest.name, str(len(manifest.groups)), str(scans), manifest.access, licence, verdict)
    Console(stderr=True).print(table)
    sys.stderr.write("".join(f"{mistake}\n" for mistake in mistakes))
    sys.exit(1 if mistakes else 0)


def schema(out: Path = Path("dataset_manifests/schema.json")) -> None:
    """Write the JSON Schema of manifests, with which editors complete and check them."""
    with written_whole(out) as part:
        part.write_text(json.dumps(Manifest.model_json_schema(), indent=2) + "\n", encoding="utf-8")
