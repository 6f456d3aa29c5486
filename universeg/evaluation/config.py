"""The settings of an evaluation: they are the command line of `universeg-evaluate`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import arg

from universeg.base.bounds import at_least
from universeg.base.device import Precision
from universeg.episodes.levers import Levers


@dataclass(frozen=True, order=True)
class Configuration:
    """What is compared: a network, its support size N, and its ensemble size K."""

    weights: str
    support_size: int
    ensemble: int


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig:
    weights: Annotated[tuple[Path, ...], arg(aliases=["-w"])] = ()
    """Networks to compare: weights files (.safetensors, published .pt), names of weights, or baselines (see above)."""
    method: tuple[str, ...] = ()
    """Methods of your own to compare, as module:callable. Each is called like a network: query (B, 1, H, W), support
    images and masks (B, N, 1, H, W) in [0, 1]; it returns logits (B, 1, H, W)."""
    stores: tuple[Path, ...]
    """Task stores (*.lmdb), or folders of them."""
    out: Annotated[Path, arg(aliases=["-o"])]
    """Folder for the results. Earlier tables and pictures are replaced; earlier scores are used again."""
    copy_stores: Path | None = None
    """Copy the stores to this folder first: a folder on a fast disk of this machine, if they are on network storage."""
    datasets: tuple[str, ...] = ()
    """Datasets to evaluate on. Default: all held-out datasets."""
    tasks: tuple[str, ...] = ("*",)
    """Only tasks that match one of these patterns of dataset/group/modality/label/axis; * also matches /."""
    split: Literal["test", "dev"] = "test"
    """The split of the queries. Use dev to choose between networks; report test."""
    queries: int = 0
    """Segment only this many queries of each task, drawn from the split. 0: all."""
    support_size: tuple[int, ...] = (64,)
    """Image-mask pairs in the support set (N). Several values are compared."""
    ensemble: tuple[int, ...] = (5,)
    """Predictions per query (K), which are averaged. Each has its own support set. Several values are compared."""
    examples: int = 0
    """Use only this many examples of each task, drawn from its support split, as if there were no others. 0: all."""
    supports: Path | None = None
    """File of queries and support sets (names only). If it exists, exactly these are used, in place of --split,
    --queries, --examples and --seed; else those of this evaluation are written to it."""
    levers: Levers = field(default_factory=Levers)
    seed: int = 0
    """Seed of the support sets. They are the same for all networks."""
    bootstraps: int = 1000
    """Number of bootstrap samples of the subjects, for the standard deviations."""
    join_labels: bool = False
    """Labels of the same images exclude each other: each is predicted on its own, and a softmax over the labels and
    the background decides for each pixel (paper, appendix F). Each query is segmented once for each label."""
    metrics: bool = False
    """Also measure surface distances, volumes and calibration, at the largest N and K. Each query is segmented once
    more for it."""
    pictures: int = 3
    """Queries of each task in pictures.png, from the lowest Dice to the highest. Each is segmented once more for it."""
    device: str = "auto"
    """cpu, cuda, cuda:1 or mps; auto: a GPU if there is one."""
    precision: Precision = "float32"
    """Precision of the computation. auto: bfloat16 if the hardware is faster with it, else float32."""
    quiet: Annotated[bool, arg(aliases=["-q"])] = False
    """Show only errors. The results are still written."""

    def __post_init__(self) -> None:
        for name in ("weights", "support_size", "ensemble"):
            values = self.networks if name == "weights" else getattr(self, name)
            if not values or len(set(values)) < len(values):
                raise ValueError(f"{name} must be one or several different values, got {values}")
        for name in ("support_size", "ensemble"):
            if min(getattr(self, name)) < 1:
                raise ValueError(f"{name} must be at least 1, got {min(getattr(self, name))}")
        at_least(self, 0, "bootstraps", "pictures", "queries", "examples")
        if self.join_labels and self.levers.adapt != "never":
            raise ValueError("--join-labels does not work with adapted weights: each label would need its own")
        if self.supports is not None and self.levers.adapt != "never":
            raise ValueError("supports and levers.adapt cannot be combined: adapting uses all examples of a task")

    @property
    def networks(self) -> tuple[str, ...]:
        """The names of all networks, baselines and methods, in the given order."""
        return *map(str, self.weights), *self.method

    @property
    def configurations(self) -> list[Configuration]:
        """Every network with every support size and every ensemble size, in the given order."""
        sizes = [(size, ensemble) for size in self.support_size for ensemble in self.ensemble]
        return [Configuration(name, *both) for name in self.networks for both in sizes]
