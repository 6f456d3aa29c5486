"""What evaluation is asked to do: the command line, and the input of tests."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from universeg.config import at_least


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig:
    weights: Annotated[Path, arg(aliases=["-w"])]
    """The network: a .safetensors of universeg-train, or the published .pt."""
    stores: tuple[Path, ...]
    """Task stores (*.lmdb), or folders of them."""
    out: Annotated[Path, arg(aliases=["-o"])]
    """Folder for the results; earlier results are replaced."""
    datasets: tuple[str, ...] = ()
    """Evaluate on these; by default on all that are held out."""
    tasks: tuple[str, ...] = ("*",)
    """Only tasks that fit one of these patterns of dataset/group/modality/label/axis; * also spans slashes."""
    support_size: int = 64
    """Image-mask pairs by which a query is segmented."""
    ensemble: int = 5
    """Segment each query so many times, each with its own support, and average."""
    seed: int = 0
    """Same seed, same supports, whatever the weights."""
    bootstraps: int = 1000
    """Draws of subjects that the standard deviations are estimated from."""
    pictures: int = 3
    """Queries of each task that are shown: from the worst to the best."""
    device: str = "auto"
    """cpu, cuda, cuda:1, mps; auto takes a GPU if there is one."""
    quiet: Annotated[bool, arg(aliases=["-q"])] = False
    """Show nothing but errors; the results are written all the same."""

    def __post_init__(self) -> None:
        at_least(self, 1, "support_size", "ensemble")
        at_least(self, 0, "bootstraps", "pictures")
