"""What training is asked to do: the command line, the header of checkpoints, the input of tests."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from universeg.compute import Precision
from universeg.model import ModelConfig


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    stores: tuple[Path, ...]
    """Task stores (*.lmdb), or folders of them. Held-out datasets among them are never trained on."""
    out: Annotated[Path, arg(aliases=["-o"])]
    """Folder of the run. If it has checkpoints of the same run, training goes on after the last."""
    steps: int = 100_000
    """Train until this step."""
    minutes: float = 0.0
    """Stop earlier, after so many minutes of this call; 0 is no limit."""
    support_size: int = 64
    """Image-mask pairs by which a query is segmented. Memory and time of a step grow with it."""
    batch_size: int = 1
    """Queries of a step, each of its own task and with its own support."""
    learning_rate: float = 1e-4
    """Of Adam."""
    seed: int = 0
    """Same seed, same initial weights and same episodes."""
    tasks: tuple[str, ...] = ("*",)
    """Train on tasks that fit one of these patterns of dataset/group/modality/label/axis; * also spans slashes."""
    exclude_tasks: tuple[str, ...] = ()
    """Leave out tasks that fit one of these patterns."""
    device: str = "auto"
    """cpu, cuda, cuda:1, mps; auto takes a GPU if there is one."""
    precision: Precision = "auto"
    """auto: bfloat16 where the hardware computes with it, else float32. Weights are always float32."""
    model: ModelConfig = field(default_factory=ModelConfig)
    validate_every: int = 1000
    """Segment queries of the dev split after so many steps, and at the end."""
    dev_episodes: int = 64
    """At most so many queries are segmented for it, always the same, spread over the datasets."""
    checkpoint_every: int = 500
    """Save after so many steps, at the end, and when asked to stop."""
    keep_checkpoints: int = 2
    """Keep only the last checkpoints."""
    quiet: Annotated[bool, arg(aliases=["-q"])] = False
    """Show nothing but errors; the logs are written all the same."""

    def __post_init__(self) -> None:
        least_one = "steps support_size batch_size validate_every dev_episodes checkpoint_every keep_checkpoints"
        at_least(self, 1, *least_one.split())
        at_least(self, 0, "minutes", "learning_rate")


def at_least(config: object, least: int, *names: str) -> None:
    """Raises ValueError for the first of these fields that is smaller."""
    for name in names:
        if not getattr(config, name) >= least:
            raise ValueError(f"{name} must be at least {least}, got {getattr(config, name)}")
