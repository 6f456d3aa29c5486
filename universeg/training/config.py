"""The settings of a training run: they are the command line and the header of checkpoints."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from universeg.base.bounds import at_least
from universeg.base.device import Precision
from universeg.model import ModelConfig
from universeg.model.baselines import BaselineConfig
from universeg.model.networks import NetworkName
from universeg.training.augment import AugmentConfig
from universeg.training.lr_schedule import Schedule


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    out: Annotated[Path, arg(aliases=["-o"])]
    """Folder of the run. If it has checkpoints of the same run, training continues from the last one."""
    preset: str = ""
    """Settings from a file: paper, published, small-cpu, gpu, free, or the path of your own .toml file. Other flags
    override them."""

    stores: tuple[Path, ...] = ()
    """Task stores (*.lmdb) to train on, or folders of them. Held-out datasets among them are not used."""
    copy_stores: Path | None = None
    """Copy the stores to this folder first, and read the copies: a folder on a fast disk of this machine, if the stores
    are on network storage. Copies are used again until the stores change."""
    tasks: tuple[str, ...] = ("*",)
    """Train on the tasks that match one of these patterns of dataset/group/modality/label/axis; * also matches /."""
    exclude_tasks: tuple[str, ...] = ()
    """Do not train on the tasks that match one of these patterns."""
    exclude_overlaps: bool = False
    """Leave out training subjects that held-out datasets or --dev-stores have too; whole datasets if it is not known
    which subjects. Without it, such overlaps are only named at the start."""
    synthetic: tuple[str, ...] = ()
    """Train on synthetic tasks, a new one for each episode, made during training. This needs no stores.
    Give families or mixes (train, validation, all), also with weights: train vessels=0.5; weight 0 removes a family."""
    synthetic_share: float = 0.5
    """Fraction of synthetic episodes if there are stores too. Without stores, all episodes are synthetic."""
    size: int = 0
    """Pixels per side. 0: the size of the stores, or 128 without stores. Larger images are averaged down."""
    small_steps: int = 0
    """In this many first steps, images have half as many pixels per side, which takes about a third of the time.
    Only without --stores."""

    support_size: int = 64
    """Image-mask pairs in the support set (N). Memory and time of a step grow with it."""
    least_support_size: int = 0
    """Draw the N of each step between this and --support-size, log-uniformly. 0: N is always --support-size."""
    batch_size: int = 1
    """Episodes per step. Each has its own task and its own support set."""
    queries_per_episode: int = 1
    """Use each episode this many times, each time with another image as query and the others as support set.
    Useful if a GPU waits for data. Only without --stores."""
    tasks_per_scene: int = 1
    """Make this many episodes of each synthetic scene, each with another label of the same images. An episode of
    --batch-size then counts as many times. Useful if a GPU waits for data. Only without --stores."""
    tasks_at_once: int = 1
    """Make this many synthetic tasks of a step at once, for example 16. All are of one family, and they share what
    decides how they are computed, such as their number of parts. Useful on a GPU: with --loaders 1 they are made on the
    GPU that trains. On a CPU this is slower. It must divide --batch-size. Only without --stores."""
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    network: Annotated[NetworkName, arg(name="model")] = "universeg"
    """The network: universeg (as published; --model.* changes it), paper (as in the paper's text), or one of the
    networks that the paper compares with: panet, alpnet, senet."""
    model: ModelConfig = field(default_factory=ModelConfig)
    baseline: BaselineConfig = field(default_factory=BaselineConfig)
    init: Path | None = None
    """Start from these weights (.safetensors), for example best.safetensors of a run with smaller images."""

    steps: int = 100_000
    """Number of training steps in total."""
    minutes: float = 0.0
    """Stop after this many minutes, even if steps are left. 0: no limit."""
    learning_rate: float = 1e-4
    """Learning rate of Adam; with a schedule, the highest one."""
    schedule: Schedule = "constant"
    """Learning-rate schedule: constant, or cosine, which falls to 0 at the last step."""
    cooldown: float = 0.0
    """With --minutes: the last part of the minutes, for example 0.3, in which the learning rate falls to 0, for better
    weights. Checkpoints are from before the fall: the same command continues from there, at the full rate."""
    warmup: int = 0
    """Steps in which the learning rate rises linearly to --learning-rate."""
    clip: float = 0.0
    """Largest norm of the gradients; larger gradients are scaled down to it. 0: no clipping."""
    cross_entropy: float = 0.0
    """Weight of the binary cross-entropy that is added to the soft Dice loss."""
    ema: float = 0.0
    """Decay of the exponential moving average of the weights, for example 0.999. 0: no average.
    If set, the averaged weights are validated and saved."""
    seed: int = 0
    """Seed of the initial weights, the episodes and the augmentations."""
    device: str = "auto"
    """cpu, cuda, cuda:1 or mps; auto: a GPU if there is one."""
    precision: Precision = "auto"
    """auto: bfloat16 if the hardware is faster with it, else float32. Weights are always float32."""
    loaders: int = 1
    """Data-loading workers. With a GPU and synthetic tasks: CPU cores minus 2.
    Several workers are processes if there are synthetic tasks, else threads."""

    validate_every: int = 1000
    """Validate after every this many steps, and at the end."""
    patience: int = 0
    """Stop after this many validations without a new highest mean Dice. 0: only --steps and --minutes end the run."""
    dev_stores: tuple[Path, ...] = ()
    """Validate on the dev split of these stores; held-out datasets are allowed.
    Default, without --dev-synthetic: the dev split of the training stores, and new tasks of the training families."""
    dev_synthetic: tuple[str, ...] = ()
    """Validate on new synthetic tasks of these families or mixes."""
    dev_episodes: int = 64
    """Validation episodes: at most this many from stores, spread over the datasets, and this many synthetic ones.
    They are the same in every validation."""
    checkpoint_every: int = 500
    """Save a checkpoint after every this many steps, at the end, and after SIGTERM or Ctrl-C."""
    keep_checkpoints: int = 2
    """Number of checkpoints to keep; older ones are deleted."""
    forecast: bool = False
    """Only measure, with a few real steps, the time, memory and disk that the run needs on this machine.
    Nothing is written."""
    quiet: Annotated[bool, arg(aliases=["-q"])] = False
    """Show only errors. The log files are still written."""

    def __post_init__(self) -> None:
        at_least(self, 1, "steps", "support_size", "batch_size", "queries_per_episode", "tasks_per_scene", "loaders")
        at_least(self, 1, "tasks_at_once")
        at_least(self, 1, "validate_every", "dev_episodes", "checkpoint_every", "keep_checkpoints")
        at_least(self, 0, "minutes", "learning_rate", "least_support_size", "size", "warmup", "clip", "cross_entropy")
        at_least(self, 0, "patience", "small_steps", "cooldown")
        if self.init and self.baseline.pretrained:
            raise ValueError("give --init or --baseline.pretrained, not both: each sets the initial weights")
        if self.least_support_size > self.support_size:
            raise ValueError(
                f"least_support_size must be at most support_size ({self.support_size}), got {self.least_support_size}"
            )
        if self.queries_per_episode > 1 and self.stores:
            raise ValueError(
                f"queries_per_episode must be 1 with --stores, got {self.queries_per_episode}: a support set from"
                " stores can contain a subject twice, so a query from it could be in its own support set"
            )
        if self.stores and (self.tasks_per_scene > 1 or self.tasks_at_once > 1 or self.small_steps):
            raise ValueError(
                "tasks_per_scene, tasks_at_once and small_steps are for synthetic tasks alone, without --stores"
            )
        if self.batch_size % self.tasks_at_once:
            raise ValueError(
                f"batch_size must be a multiple of tasks_at_once ({self.tasks_at_once}), got {self.batch_size}"
            )
        if self.cooldown and (self.cooldown > 1 or not self.minutes or self.schedule != "constant"):
            raise ValueError(
                "cooldown is a part of --minutes, from 0 to 1, of a constant schedule;"
                f" got {self.cooldown} of {self.minutes:g} minutes, schedule {self.schedule}"
            )
        if not 0 <= self.ema < 1 or not 0 <= self.synthetic_share <= 1:
            raise ValueError(
                "ema must be at least 0 and below 1, synthetic_share from 0 to 1,"
                f" got {self.ema} and {self.synthetic_share}"
            )
