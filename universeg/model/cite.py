"""`universeg-cite`: whom to cite, and what licences ask, for the data in stores or behind weights."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import tyro

from universeg.base.command import run_command
from universeg.model.registry import Weights, registry
from universeg.store import Store
from universeg.store.citation import Facts, citation_text, facts_of

HELP = """Say whom to cite, and what licences ask, for exactly the data in stores or behind weights.

The result is a BibTeX file. Its comments list the licence and the obligations of each dataset, and which use all of
them together allow: research, commercial use, redistribution.

Examples:

universeg cite data/stores > data.bib

universeg cite runs/first/best.safetensors

universeg cite synthetic"""
PAPER = "Butoi, Gonzalez Ortiz et al.: UniverSeg: Universal Medical Image Segmentation. ICCV 2023"
SYNTHETIC = "synthetic tasks made during training"
MADE_HERE = {"name": "made by this software", "research": "yes", "commercial": "yes", "redistribution": "yes"}
UNKNOWN = "does not say which data it was trained on; train again with this version, or cite its stores"


@dataclass(frozen=True)
class CiteConfig:
    sources: tyro.conf.Positional[tuple[Path, ...]]
    """Stores (.lmdb) or folders of stores, weights (.safetensors), checkpoints (.pt), or names of weights."""


def main(args: Sequence[str] | None = None) -> None:
    """The command; exit status 1 with a message if it fails."""
    run_command("universeg-cite", _run, args)


def _run(args: Sequence[str]) -> None:
    config = tyro.cli(CiteConfig, prog="universeg-cite", description=HELP, args=args)
    if not config.sources:
        raise ValueError("name at least one store, weights file or checkpoint")
    found = {(one["dataset"], one["used_for"]): one for source in config.sources for one in datasets_of(source)}
    sys.stdout.write(citation_text(list(found.values())))


def datasets_of(source: Path) -> list[Facts]:
    """The facts about the datasets of a store or a folder of stores, or of those that weights were trained on.

    Raises ValueError if the file is none of these, or does not say it.
    """
    if str(source) in registry() and not source.exists():
        return weights_datasets(str(source))
    if source.is_dir():
        stores = sorted(source.glob("*.lmdb"))
        if not stores:
            raise ValueError(f"{source}: there is no store (*.lmdb) in this folder; name a store or a weights file")
        return [facts_of(Store(path).header, "in the store") for path in stores]
    if source.suffix == ".lmdb":
        return [facts_of(Store(source).header, "in the store")]
    return weights_datasets(source)


def weights_datasets(weights: str | Path) -> list[Facts]:
    """The facts about the datasets that weights or a checkpoint were trained on. Raises ValueError if it is unknown."""
    path = Path(weights)
    for name, entry in registry().items():
        if name == str(weights) or (entry.file and path.resolve() == entry.path().resolve()):
            return [_registered(entry)]
    if not path.is_file():
        known = ", ".join(registry())
        raise ValueError(f"{path}: no such file; give a store, a .safetensors or .pt file, or one of: {known}")
    about = _checkpoint(path) if path.suffix == ".pt" else _safetensors(path)
    found = about.get("datasets")
    if not isinstance(found, list) or not all(isinstance(one, dict) and "dataset" in one for one in found):
        raise ValueError(f"{path} {UNKNOWN}")
    return [{"used_for": "training", **one} for one in found]


def _registered(weights: Weights) -> dict[str, Any]:
    """Weights with a name are cited as such: their own licence is what counts."""
    return {
        "dataset": f"weights {weights.name!r}",
        "used_for": weights.trained_on,
        "licence": {"name": weights.licence, **weights.allows},
        "citation": [{"text": PAPER, "arxiv": "2304.06131"}],
    }


def _safetensors(path: Path) -> Mapping[str, Any]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as file:
            config = json.loads((file.metadata() or {}).get("config", "{}"))
        return config if isinstance(config, dict) else {}
    except (SafetensorError, ValueError) as error:
        raise ValueError(f"{path} is not a readable weights file ({error}); copy it again") from error


def _checkpoint(path: Path) -> Mapping[str, Any]:
    import torch

    if not is_zipfile(path):
        raise ValueError(f"{path} is not a checkpoint, or it is incomplete; copy it again")
    content = torch.load(path, map_location="cpu", weights_only=True)
    config = content.get("config") if isinstance(content, dict) else None
    return config if isinstance(config, dict) else {}


def seen(stores: Iterable[tuple[Store, str]], synthetic: Sequence[str], init: str | Path | None) -> list[Facts]:
    """What a training run sees: the datasets of its stores with their use, synthetic tasks, and what `init` has seen.

    If the first weights do not say what they were trained on, that is listed as an unknown dataset.
    """
    found: list[Facts] = [facts_of(store.header, used_for) for store, used_for in stores]
    if synthetic:
        found.append({"dataset": SYNTHETIC, "used_for": "training", "licence": MADE_HERE, "citation": []})
    if init is None:
        return found
    try:
        before = weights_datasets(init)
    except ValueError:
        before = [{"dataset": f"unknown data of {Path(init).name}", "licence": None, "citation": []}]
    return [*found, *({**one, "used_for": "first weights"} for one in before)]
