"""How large an experiment is: as in the paper, small enough for two CPU cores, or tiny to try it."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

ScaleName = Literal["full", "small", "tiny"]
MODEL = "universeg"  # of the paper's own networks; all others are baselines


@dataclass(frozen=True)
class Scale:
    """The numbers that decide how long an experiment takes."""

    support_sizes: tuple[int, ...]  # N, from small to large; larger ones of the paper are left out
    ensemble: int  # K in place of the paper's 10
    ensembles: tuple[int, ...]  # K of table 9
    repetitions: int  # in place of the paper's 100
    heat_repetitions: int  # in place of the 10 of figure 13
    bootstraps: int
    queries: int  # of each task; 0 is all
    size: int  # pixels per side that networks see in training and evaluation; 0 is that of the stores
    training: str  # flags of universeg train, for all networks
    universeg: str  # more of them, for UniverSeg: length of training, and a smaller network
    baselines: str  # more of them, for the other few-shot networks, of which a step takes up to ten times as long
    nnunet: str  # nnU-Net's trainer
    seconds: float  # that one prediction takes, for the estimate of `list`
    # Minutes that training one network takes, UniverSeg or a baseline, for the estimate of `list`; 0 is not known.
    training_minutes: tuple[float, float]

    @property
    def largest(self) -> int:
        """The largest support size, in place of the paper's 64."""
        return max(self.support_sizes)

    def support_size(self, paper: int) -> int:
        """The support size in place of one of the paper's."""
        return min(paper, self.largest)

    def flags(self, model: str) -> list[str]:
        """The flags of universeg train for a network of this model."""
        return shlex.split(f"{self.training} {self.universeg if model == MODEL else self.baselines}")

    def minutes(self, model: str) -> float:
        """About how long the training of a network of this model takes."""
        return self.training_minutes[model != MODEL]


SCALES: Mapping[ScaleName, Scale] = {
    "full": Scale(
        (1, 2, 4, 8, 16, 32, 64), 10, (1, 2, 4, 8, 16, 32, 64), 100, 10, 1000, 0, 0,
        "--preset published", "", "", "nnUNetTrainer", 0.142, (0, 0),
    ),
    "small": Scale(
        (1, 2, 4, 8), 3, (1, 2, 4), 6, 2, 200, 3, 64,
        "--preset small-cpu --size 64 --warmup 20 --validate-every 1000000 --dev-episodes 2",
        "--steps 150 --minutes 0.4 --learning-rate 1e-3 --model.widths 16 16 16 16",
        "--steps 600 --minutes 2 --learning-rate 1e-4",
        "QuickTrainer", 0.05, (0.4, 2),
    ),
    "tiny": Scale(
        (1, 2), 2, (1, 2), 3, 2, 20, 2, 32,
        "--preset small-cpu --size 32 --steps 3 --validate-every 1000000 --dev-episodes 2",
        "--model.widths 8 8", "", "QuickTrainer", 0.01, (0.1, 0.1),
    ),
}  # fmt: skip
