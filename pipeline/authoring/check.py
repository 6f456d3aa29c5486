"""The stages `check` (find mistakes in manifests, without any data) and `schema` (write their JSON schema)."""

import json
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

import tyro
from rich.console import Console
from rich.table import Table

from pipeline.authoring.link_check import check_links, links_of
from pipeline.authoring.lint import problems
from pipeline.backends.base import clean
from pipeline.manifest import expected_counts
from pipeline.manifest.licence import mistakes
from pipeline.manifest.schema import Manifest, load_manifest, manifest_files
from pipeline.manifest.strict_yaml import DocumentError
from universeg.base.atomic_write import atomic_write

COLOURS = {"found": "green", "login": "yellow", "unclear": "yellow"}


def check(
    names: tyro.conf.Positional[tuple[str, ...]] = (),
    manifests: Path = Path("dataset_manifests"),
    links: bool = False,
) -> None:
    """Check manifests and list their mistakes. The exit status is 1 if there are any.

    Args:
        names: Names of datasets. Default: all.
        manifests: The folder of the manifests.
        links: Also request all web addresses. A file that is gone or has another size is a mistake. A server that does
            not answer is only reported.
    """
    table = Table("manifest", "groups", "scans", "tasks", "access", "licence", "result")
    found: list[str] = []
    readable: list[Manifest] = []
    for path in _paths(names, manifests):
        try:
            manifest = load_manifest(path)
        except DocumentError as error:
            found.append(str(error))
            table.add_row(path.stem, *["?"] * 5, "[red]cannot be read")
            continue
        wrong = [f"{path}: {mistake}" for mistake in (*problems(manifest), *mistakes(manifest))]
        found += wrong
        readable.append(manifest)
        table.add_row(*_row(manifest), "[red]has mistakes" if wrong else "[green]ok")
    Console(stderr=True).print(table)
    found += _broken_links(readable) if links else []
    sys.stderr.write("".join(f"{mistake}\n" for mistake in found))
    sys.exit(1 if found else 0)


def _paths(names: Sequence[str], folder: Path) -> list[Path]:
    """The manifests of some datasets, or all in the folder."""
    known = {path.stem: path for path in manifest_files(folder)}
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
            raise ValueError(f"{folder}: no manifest {name}.yaml; {hint}")
    return [known[name] for name in names] or list(known.values())


def _row(manifest: Manifest) -> list[str]:
    scans = expected_counts.scans(manifest)
    return [
        manifest.name,
        str(len(manifest.groups)),
        "any" if manifest.generator else "unknown" if scans is None else str(scans),
        "any" if manifest.generator else str(expected_counts.tasks(manifest)),
        manifest.access,
        manifest.licence.name or "unknown",
    ]


def _broken_links(manifests: Sequence[Manifest]) -> list[str]:
    """Request all web addresses, show the answers, and return the mistakes."""
    results = check_links(link for manifest in manifests for link in links_of(manifest))
    table = Table("result", "dataset", "in", "address", "answer")
    for result in results:
        link, colour = result.link, COLOURS.get(result.verdict, "red")
        table.add_row(f"[{colour}]{result.verdict}", link.dataset, link.where, clean(link.url), result.detail)
    Console(stderr=True).print(table)
    return [str(result) for result in results if result.bad]


def schema(out: Path = Path("dataset_manifests/schema.json")) -> None:
    """Write the JSON schema of manifests. Editors use it to complete and check manifests.

    Args:
        out: The file to write.
    """
    with atomic_write(out) as part:
        part.write_text(json.dumps(Manifest.model_json_schema(), indent=2) + "\n", encoding="utf-8")
