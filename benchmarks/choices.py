"""Compare choices of a training recipe by the Dice of the trained networks.

python benchmarks/choices.py FILE.toml --init WEIGHTS --dev-stores DIR --out DIR
"""

import json
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from universeg import load_model
from universeg.base.atomic_write import atomic_write
from universeg.base.device import Compute
from universeg.evaluation.scorer import weights_digest
from universeg.synth.mixes import FAMILIES, VALIDATION_FAMILIES
from universeg.training.config import TrainConfig
from universeg.training.episode_source import EpisodeSource
from universeg.training.validation import validate

Dices = Mapping[str, Sequence[float]]  # of each family and dataset: the Dice of its episodes, in order
TRAINED, VALIDATION = "training families", "validation families"


def main(
    file: Annotated[Path, tyro.conf.Positional],
    init: Path,
    dev_stores: Path,
    out: Path,
    only: tuple[str, ...] = (),
    size: int = 64,
    support_size: int = 12,
    episodes: int = 32,
) -> None:
    """Train with each choice of FILE from the same weights, score all on the same episodes, print a Markdown table.

    The episodes are `episodes` new tasks of each family and as many dev queries of each store, with `support_size`
    support images of `size` pixels per side. After a kill, the same command continues; finished training and scoring
    is not repeated. `only` selects choices, so that several processes can share the work.
    """
    words = tomllib.loads(file.read_text(encoding="utf-8"))
    for name in only or words["choices"]:
        flags = [*shlex.split(f"{words['base']} {words['choices'][name]}"), "--init", str(init)]
        subprocess.run([sys.executable, "-m", "universeg", "train", *flags, "--out", str(out / name)], check=True)
    stores = tuple(sorted(dev_stores.glob("*.lmdb")))
    found = {"(start)": _scores(init, out, stores, size, support_size, episodes)}
    for name in words["choices"]:
        if _weights(out / name).is_file():
            found[name] = _scores(_weights(out / name), out, stores, size, support_size, episodes)
    _show(found, next(iter(words["choices"])))


def _weights(run: Path) -> Path:
    return run / "last.safetensors"


def _scores(
    weights: Path, out: Path, stores: Sequence[Path], size: int, support_size: int, episodes: int
) -> dict[str, list[float]]:
    """Dice of every episode; cached in `out` under the digest of the weights and the settings."""
    kept = out / f"scores-{weights_digest(weights)[:16]}-{size}-{support_size}-{episodes}.json"
    if kept.is_file():
        found: dict[str, list[float]] = json.loads(kept.read_text(encoding="utf-8"))
        return found
    network, compute = load_model(weights), Compute.chosen("auto")
    sources = {family: {"dev_synthetic": (family,)} for family in FAMILIES}
    sources |= {store.stem: {"dev_stores": (store,)} for store in stores}
    found = {}
    for name, what in sources.items():
        config = TrainConfig(
            out=out, synthetic=("train",), size=size, support_size=support_size, dev_episodes=episodes, **what
        )
        found[name] = [round(score.dice, 3) for score, _, _ in validate(network, EpisodeSource(config).dev, compute)]
    with atomic_write(kept) as part:
        part.write_text(json.dumps(found), encoding="utf-8")
    return found


def _show(found: Mapping[str, Dices], base: str) -> None:
    stores = [name for name in found[base] if name not in FAMILIES]
    print(f"| | {TRAINED} | {VALIDATION} | {' | '.join(stores)} |\n| --- |{' ---: |' * (2 + len(stores))}")
    for name, dices in found.items():
        cells = [_cell(_over(dices, names), _over(found[base], names), name == base) for names in _columns(stores)]
        print(f"| {name} | {' | '.join(cells)} |")


def _columns(stores: Sequence[str]) -> list[list[str]]:
    return [
        [name for name in FAMILIES if name not in VALIDATION_FAMILIES],
        list(VALIDATION_FAMILIES),
        *([store] for store in stores),
    ]


def _over(dices: Dices, names: Sequence[str]) -> np.ndarray:
    return np.concatenate([dices[name] for name in names])


def _cell(dices: np.ndarray, base: np.ndarray, is_base: bool) -> str:
    """The mean of the base; for others the mean difference from the base, with its (paired) standard error."""
    if is_base:
        return f"{dices.mean():.1f}"
    difference = dices - base
    return f"{difference.mean():+.1f} ± {difference.std(ddof=1) / np.sqrt(len(difference)):.1f}"


if __name__ == "__main__":
    tyro.cli(main)
