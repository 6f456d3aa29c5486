"""The networks that experiments compare: how each is trained, and where its weights are."""

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from universeg.base.rng import rng_for
from universeg.episodes.task_stores import HELD_OUT, TRAIN, TaskStores
from universeg.experiments.scale import MODEL, Scale

FILE = Path(__file__).parent / "networks.toml"
SYNTHETIC_DATASET = "Synthetic"  # the store of synthetic tasks that the workflow builds
SYNTHETIC_FAMILY = "F0"  # the paper's, made while training if there is no such store


@dataclass(frozen=True)
class NetworkSpec:
    """One network of networks.toml."""

    name: str
    model: str = MODEL
    support_size: int = 64
    augment: str = "paper"
    medical: bool = True
    synthetic: bool = True
    datasets: float = 1.0
    draw: int = 0

    def training_datasets(self, stores: TaskStores) -> list[str]:
        """The medical datasets that it trains on; raises ValueError if there are none."""
        medical = [name for name in stores.datasets(TRAIN) if name != SYNTHETIC_DATASET] if self.medical else []
        if self.medical and not medical:
            raise ValueError(f"the network {self.name} trains on medical datasets, but the stores have none")
        # Halves are rounded down: of 46 datasets, table 10 has 11 for 25 % and 34 for 75 %.
        count = max(1, math.ceil(self.datasets * len(medical) - 0.5)) if medical else 0
        chosen = rng_for("datasets", str(self.datasets), self.draw).permutation(len(medical))[:count]
        return sorted(medical[number] for number in chosen)

    def training_words(self, scale: Scale, paths: Sequence[Path], out: Path, device: str) -> list[str]:
        """The command line of `universeg train`."""
        stores = TaskStores(paths)
        names = self.training_datasets(stores)
        words = [*scale.flags(self.model), "--out", str(out), "--device", device, "--model", self.model]
        words += ["--support-size", str(scale.support_size(self.support_size)), "--augment.preset", self.augment]
        stored = SYNTHETIC_DATASET in stores.datasets(TRAIN)
        names += [SYNTHETIC_DATASET] if self.synthetic and stored else []
        # Empty lists replace those of the preset.
        words += ["--synthetic", *([SYNTHETIC_FAMILY] if self.synthetic and not stored else [])]
        words += ["--stores", *(map(str, paths) if names else [])]
        words += ["--tasks", *(f"{name}/*" for name in names)] if names else []
        held_out = (str(stores.by_dataset[name].path) for name in stores.datasets(HELD_OUT))
        return [*words, "--dev-stores", *held_out]


@cache
def networks() -> Mapping[str, NetworkSpec]:
    """All networks by name."""
    tables: dict[str, dict[str, Any]] = tomllib.loads(FILE.read_text(encoding="utf-8"))
    renamed = {name: {key.replace("-", "_"): value for key, value in table.items()} for name, table in tables.items()}
    return {name: NetworkSpec(name, **fields) for name, fields in renamed.items()}
