"""What evaluation is asked to do: the command line, and the input of tests."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import arg

from universeg.base.device import Precision
from universeg.training.config import at_least


@dataclass(frozen=True, order=True)
class Configuration:
    """What is compared: a network, how many pairs it is shown at once, over how many such supports it is averaged."""

    weights: str
    support_size: int
    ensemble: int


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig:
    weights: Annotated[tuple[Path, ...], arg(aliases=["-w"])]
    """The networks to compare: .safetensors of universeg-train, the published .pt, or what needs no training:
    mean-mask, most-similar, grey."""
    stores: tuple[Path, ...]
    """Task stores (*.lmdb), or folders of them."""
    out: Annotated[Path, arg(aliases=["-o"])]
    """Folder for the results; earlier tables are replaced, earlier scores are used again."""
    datasets: tuple[str, ...] = ()
    """Evaluate on these; by default on all that are held out."""
    tasks: tuple[str, ...] = ("*",)
    """Only tasks that fit one of these patterns of dataset/group/modality/label/axis; * also spans slashes."""
    split: Literal["test", "dev"] = "test"
    """Whose images are segmented. Choose between networks by dev, and report test once."""
    support_size: tuple[int, ...] = (64,)
    """Image-mask pairs by which a query is segmented; several are compared."""
    ensemble: tuple[int, ...] = (5,)
    """Segment each query so many times, each with its own support, and average. Several are compared: the smaller
    ones are the first of the largest."""
    seed: int = 0
    """Same seed, same supports, whatever the weights."""
    bootstraps: int = 1000
    """Draws of subjects that the standard deviations are estimated from."""
    pictures: int = 3
    """Queries of each task that are shown: from the worst to the best. Each is segmented once more for it."""
    device: str = "auto"
    """cpu, cuda, cuda:1, mps; auto takes a GPU if there is one."""
    precision: Precision = "float32"
    """auto: bfloat16 where the hardware computes with it, else float32."""
    quiet: Annotated[bool, arg(aliases=["-q"])] = False
    """Show nothing but errors; the results are written all the same."""

    def __post_init__(self) -> None:
        for name in ("weights", "support_size", "ensemble"):
            values = getattr(self, name)
            if not values or len(set(values)) < len(values):
                raise ValueError(f"{name} must be one or several different values, got {values}")
        for name in ("support_size", "ensemble"):
            if min(getattr(self, name)) < 1:
                raise ValueError(f"{name} must be at least 1, got {min(getattr(self, name))}")
        at_least(self, 0, "bootstraps", "pictures")

    @property
    def configurations(self) -> list[Configuration]:
        """Every network with every support size and ensemble, in the order in which they were given."""
        sizes = [(size, ensemble) for size in self.support_size for ensemble in self.ensemble]
        return [Configuration(str(weights), *both) for weights in self.weights for both in sizes]


@dataclass(frozen=True, kw_only=True)
class AuditConfig:
    weights: Annotated[Path, arg(aliases=["-w"])]
    """The network: a .safetensors of universeg-train, or the published .pt."""
    stores: tuple[Path, ...]
    """Task stores (*.lmdb), or folders of them."""
    out: Annotated[Path | None, arg(aliases=["-o"])] = None
    """Folder for audit.json, which has a line for each query; by default only the table is shown."""
    datasets: tuple[str, ...] = ()
    """Use these; by default all that are held out."""
    tasks: tuple[str, ...] = ("*",)
    """Only tasks that fit one of these patterns of dataset/group/modality/label/axis; * also spans slashes."""
    episodes: int = 24
    """Queries that are looked at, of each task in turn."""
    support_size: int = 16
    """Image-mask pairs by which a query is segmented."""
    seed: int = 0
    """Same seed, same episodes."""
    same: float = 1e-5
    """A reordered support may change no pixel's probability by more."""
    changed: float = 90.0
    """With another task's support, the Dice of the answer with the answer before must be below this on average."""
    inverted: float = 80.0
    """With labels inverted, what is left out must have at least this Dice with what was marked before on average; and
    so with images inverted, what is marked."""
    device: str = "auto"
    """cpu, cuda, cuda:1, mps; auto takes a GPU if there is one."""

    def __post_init__(self) -> None:
        at_least(self, 1, "episodes")
        at_least(self, 2, "support_size")
        at_least(self, 0, "same", "changed", "inverted")
