"""The settings of an experiment: they are the command line of `universeg-experiment`."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import Positional, arg

from universeg.base.device import Compute
from universeg.base.lookup import choose
from universeg.episodes.task_stores import TaskStores
from universeg.evaluation.protocol import EvaluationSet, evaluation_set
from universeg.experiments.catalogue import MAIN
from universeg.experiments.networks import networks
from universeg.experiments.scale import SCALES, Scale, ScaleName


@dataclass(frozen=True, kw_only=True)
class ExperimentConfig:
    name: Positional[str] = "list"
    """A table or figure of the paper, nnunet, a step of them, or list, which shows them all."""
    stores: tuple[Path, ...] = ()
    """Task stores (*.lmdb), or folders of them: for training, and the held-out ones for evaluation."""
    out: Annotated[Path, arg(aliases=["-o"])] = Path("results/experiments")
    """Folder for networks, steps and results. What is in it is used again, by every experiment."""
    weights: Annotated[tuple[str, ...], arg(aliases=["-w"])] = ()
    """Weights of networks, as NETWORK=FILE; or one file or name alone, for the network universeg. Networks that are not
    given are those that the experiment has trained in OUT/networks."""
    train: bool = False
    """Train the networks that are missing. Without it, missing networks are an error that says which."""
    scale: ScaleName = "full"
    """full is as in the paper; small takes minutes per experiment on two CPU cores; tiny is to try it."""
    datasets: tuple[str, ...] = ()
    """Datasets to evaluate on. Default: all held-out datasets."""
    tasks: tuple[str, ...] = ("*",)
    """Evaluate only on the tasks that match one of these patterns of dataset/group/modality/label/axis."""
    picture_tasks: tuple[str, ...] = ("WBC*",)
    """Tasks of figures 16 to 21, as patterns. The first two labels of the first group of images are shown."""
    trainer: str = ""
    """nnU-Net's trainer. Default: nnUNetTrainer with --scale full, which takes 1000 epochs; else a short one."""
    folds: int = 5
    """nnU-Net's folds of the support split."""
    seed: int = 0
    """Seed of the support sets."""
    device: str = "auto"
    """cpu, cuda, cuda:1 or mps; auto: a GPU if there is one."""
    quiet: Annotated[bool, arg(aliases=["-q"])] = False
    """Show only errors. The results are still written."""

    def __post_init__(self) -> None:
        if self.folds < 2:
            raise ValueError(f"folds must be at least 2, got {self.folds}")
        for name in self.weights:
            if "=" in name and not all(name.split("=", 1)):
                raise ValueError(f"--weights takes NETWORK=FILE, got {name}")
        for name in self.given_weights():
            choose(networks(), name, "network in --weights")

    @property
    def numbers(self) -> Scale:
        """The numbers of the scale."""
        return SCALES[self.scale]

    @cached_property
    def task_stores(self) -> TaskStores:
        """The stores; raises ValueError if there are none."""
        return TaskStores(self.stores)

    @cached_property
    def compute(self) -> Compute:
        """The device."""
        return Compute.chosen(self.device)

    @cached_property
    def queries(self) -> EvaluationSet:
        """The test queries of each task to evaluate on."""
        return evaluation_set(self.task_stores, self.datasets, self.tasks, "test", self.numbers.queries)

    @property
    def protocol(self) -> dict[str, Any]:
        """What the numbers of every step depend on, besides the networks."""
        queries = json.dumps(self.queries.queries, default=list, sort_keys=True)
        digest = hashlib.sha256(queries.encode()).hexdigest()[:16]
        return {"scale": self.scale, "seed": self.seed, "size": self.task_stores.size, "queries": digest}

    def given_weights(self) -> dict[str, str]:
        """The weights of networks on the command line."""
        pairs = (word.split("=", 1) if "=" in word else (MAIN, word) for word in self.weights)
        return {name: weights for name, weights in pairs}
