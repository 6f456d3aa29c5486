"""What training is asked to do: the command line, the header of checkpoints, the input of tests."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from universeg.base.device import Precision
from universeg.model import ModelConfig
from universeg.training.augment import AugmentConfig
from universeg.training.lr_schedule import Schedule


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    out: Annotated[Path, arg(aliases=["-o"])]
    """Folder of the run. If it has checkpoints of the same run, training goes on after the last."""
    preset: str = ""
    """Settings from a file, which other flags override: paper, small-cpu, gpu, or a .toml of yours."""

    stores: tuple[Path, ...] = ()
    """Task stores (*.lmdb), or folders of them. Held-out datasets among them are never trained on."""
    tasks: tuple[str, ...] = ("*",)
    """Train on tasks that fit one of these patterns of dataset/group/modality/label/axis; * also spans slashes."""
    exclude_tasks: tuple[str, ...] = ()
    """Leave out tasks that fit one of these patterns."""
    synthetic: tuple[str, ...] = ()
    """Synthetic tasks that are made while training, a new one for each episode; needs no stores. Names of families or
    of mixes (train, held-back, all), each with a weight if wanted: train vessels=0.5; 0 leaves one out."""
    synthetic_share: float = 0.5
    """Share of the episodes that are synthetic; without stores all of them are."""
    size: int = 0
    """Pixels a side. 0: as in the stores, or 128 without any. Larger images are averaged down to it."""

    support_size: int = 64
    """Image-mask pairs N by which a query is segmented. Memory and time of a step grow with it."""
    least_support_size: int = 0
    """Draw the N of each step from this to --support-size, log-uniformly; 0: it is always --support-size."""
    batch_size: int = 1
    """Queries of a step, each of its own task and with its own support."""
    queries_per_episode: int = 1
    """So many entries of each episode take turns as its query, the others being the support: more queries of the same
    data, where a GPU would wait for it. For synthetic tasks alone."""
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    init: Path | None = None
    """Start from these weights (.safetensors), for example from best.safetensors of a run with smaller images or N."""

    steps: int = 100_000
    """Train until this step."""
    minutes: float = 0.0
    """Stop earlier, after so many minutes of this call; 0 is no limit."""
    learning_rate: float = 1e-4
    """Of Adam; the highest where there is a schedule."""
    schedule: Schedule = "constant"
    """constant, or cosine: the rate falls to zero at the last of --steps."""
    warmup: int = 0
    """Steps over which the rate rises to --learning-rate."""
    clip: float = 0.0
    """Scale gradients down to this norm where theirs is larger; 0: leave them as they are."""
    cross_entropy: float = 0.0
    """Weight of binary cross-entropy that is added to the soft Dice loss."""
    ema: float = 0.0
    """Also keep the average of the weights that decays by this in each step (0.999, say), and use it in place of the
    last ones for validation, best and last.safetensors; 0: do not."""
    seed: int = 0
    """Same seed, same initial weights and same episodes."""
    device: str = "auto"
    """cpu, cuda, cuda:1, mps; auto takes a GPU if there is one."""
    precision: Precision = "auto"
    """auto: bfloat16 where the hardware is faster with it, else float32. Weights are always float32."""
    loaders: int = 1
    """Threads that make the next episodes meanwhile; with synthetic tasks several are processes. Give a GPU that is
    trained on those all processors but one or two."""

    validate_every: int = 1000
    """Segment queries of the dev split after so many steps, and at the end."""
    dev_stores: tuple[Path, ...] = ()
    """Stores whose dev split measures progress, held-out ones too. Where neither these nor --dev-synthetic are given,
    it is what is trained on."""
    dev_synthetic: tuple[str, ...] = ()
    """Families or mixes of synthetic tasks whose new tasks measure progress."""
    dev_episodes: int = 64
    """At most so many queries of stores are segmented for it, always the same, spread over the datasets; and as many
    of synthetic tasks."""
    checkpoint_every: int = 500
    """Save after so many steps, at the end, and when asked to stop."""
    keep_checkpoints: int = 2
    """Keep only the last checkpoints."""
    forecast: bool = False
    """Only measure, by a few real steps, what time and memory the run will need here; nothing is written."""
    quiet: Annotated[bool, arg(aliases=["-q"])] = False
    """Show nothing but errors; the logs are written all the same."""

    def __post_init__(self) -> None:
        least_one = (
            "steps support_size batch_size queries_per_episode loaders validate_every dev_episodes checkpoint_every"
        )
        at_least(self, 1, *least_one.split(), "keep_checkpoints")
        least_zero = "minutes learning_rate least_support_size size warmup clip cross_entropy"
        at_least(self, 0, *least_zero.split())
        if self.least_support_size > self.support_size:
            raise ValueError(
                f"least_support_size must be at most support_size, {self.support_size}, got {self.least_support_size}"
            )
        if self.queries_per_episode > 1 and self.stores:
            raise ValueError(
                f"queries_per_episode must be 1 with --stores, got {self.queries_per_episode}: a support set from a"
                " store may contain a subject twice, and that subject would then be in its own support set"
            )
        if not 0 <= self.ema < 1 or not 0 <= self.synthetic_share <= 1:
            raise ValueError(
                "ema must be at least 0 and below 1, synthetic_share from 0 to 1,"
                f" got {self.ema} and {self.synthetic_share}"
            )


def at_least(config: object, least: int, *names: str) -> None:
    """Raises ValueError for the first of these fields that is smaller."""
    for name in names:
        if not getattr(config, name) >= least:
            raise ValueError(f"{name} must be at least {least}, got {getattr(config, name)}")
