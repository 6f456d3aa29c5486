"""`check`: whether manifests are usable, without any data; `schema`: what editors check them against."""

import json
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

import tyro
from rich.console import Console
from rich.table import Table

from pipeline.authoring import link_check as web
from pipeline.authoring.lint import problems
from pipeline.backends.base import clean
from pipeline.manifest import expected_counts as promised
from pipeline.manifest import licence as terms
from pipeline.manifest.schema import Manifest, load_manifest
from pipeline.manifest.strict_yaml import DocumentError
from universeg.base.atomic_write import atomic_write


def check(
    names: tyro.conf.Positional[tuple[str, ...]] = (),
    manifests: Path = Path("dataset_manifests"),
    links: bool = False,
) -> None:
    """Check manifests, all of them or those named; exit status 1 if any has a mistake.

    Args:
        names: Datasets; all if none is named.
        manifests: Their folder.
        links: Ask the servers too. What is gone or has another size is a mistake; what does not answer is only told.
    """
    table = Table("manifest", "groups", "scans", "tasks", "access", "licence", "verdict")
    mistakes: list[str] = []
    good: list[Manifest] = []
    for path in _paths(names, manifests):
        try:
            manifest = load_manifest(path)
        except DocumentError as error:
            mistakes.append(str(error))
            table.add_row(path.stem, *["?"] * 5, "[red]cannot be read")
            continue
        found = [*problems(manifest), *terms.mistakes(manifest)]
        mistakes += [f"{path}: {problem}" for problem in found]
        good.append(manifest)
        table.add_row(*_row(manifest), "[red]wrong" if found else "[green]good")
    Console(stderr=True).print(table)
    mistakes += _asked(good) if links else []
    sys.stderr.write("".join(f"{mistake}\n" for mistake in mistakes))
    sys.exit(1 if mistakes else 0)


def _paths(names: Sequence[str], folder: Path) -> list[Path]:
    known = {path.stem: path for path in sorted(folder.glob("*.yaml"))}
    if not known:
        raise ValueError(f"{folder}: no manifests there; name their folder with --manifests")
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
            raise ValueError(f"{folder}: no manifest {name}.yaml; {hint}")
    return [known[name] for name in names] or list(known.values())


def _row(manifest: Manifest) -> list[str]:
    scans = promised.scans(manifest)
    return [
        manifest.name,
        str(len(manifest.groups)),
        "any" if manifest.generator else "unknown" if scans is None else str(scans),
        "any" if manifest.generator else str(promised.tasks(manifest)),
        manifest.access,
        manifest.licence.name or "unknown",
    ]


def _asked(manifests: Sequence[Manifest]) -> list[str]:
    """Ask all servers, show what they said, and return what is wrong."""
    answers = web.ask(link for manifest in manifests for link in web.links(manifest))
    table = Table("verdict", "dataset", "in", "address", "answer")
    for answer in answers:
        link = answer.link
        colour = {"there": "green", "login": "yellow", "unsure": "yellow"}.get(answer.verdict, "red")
        cells = (link.dataset, link.what, clean(link.url), answer.detail)
        table.add_row(f"[{colour}]{answer.verdict}", *cells)
    Console(stderr=True).print(table)
    return [web.shown(answer) for answer in answers if answer.bad]


def schema(out: Path = Path("dataset_manifests/schema.json")) -> None:
    """Write the JSON Schema of manifests, with which editors complete and check them."""
    with atomic_write(out) as part:
        part.write_text(json.dumps(Manifest.model_json_schema(), indent=2) + "\n", encoding="utf-8")
