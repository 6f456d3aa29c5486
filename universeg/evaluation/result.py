"""The result of an evaluation: all scores, their averages, and some queries to show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from universeg.episodes.dice import Averages, Score, task_name
from universeg.evaluation.comparison import Comparison
from universeg.evaluation.config import Configuration
from universeg.evaluation.metrics import Mask, Measured, Probability
from universeg.store import Pixels

ALL = "all datasets"


@dataclass(frozen=True)
class Prediction:
    """What one network predicts for a query, with the largest support size and ensemble size."""

    weights: str
    probability: Probability
    dice: float


@dataclass(frozen=True)
class Example:
    """A query that is shown in the pictures, and the prediction of each network."""

    task: str
    query: str
    image: Pixels  # (H, W), 0..255
    ground_truth: Mask
    predictions: Sequence[Prediction]


@dataclass(frozen=True)
class Result:
    """What an evaluation found."""

    scores: Mapping[Configuration, Sequence[Score]]  # the same queries in the same order for each configuration
    averages: Mapping[Configuration, Averages]
    digests: Mapping[str, str]  # of each network: the hash of its weights file, or the name of a baseline
    roles: Mapping[str, str]  # of each dataset: "held-out", "extra" or "train"
    paper_rows: Mapping[str, str]  # of each dataset: its row in the paper's Table 3
    empty: int  # number of queries with an empty ground truth
    left_out: Sequence[str]  # tasks without queries or without a support set
    size: int  # pixels per side
    examples: Sequence[Example]
    reused: int  # number of scores that an earlier call computed
    comparisons: Mapping[Configuration, Comparison]  # of each configuration with the first one
    measured: Sequence[Measured]  # with --metrics
    remarks: Sequence[str] = ()  # of each task: whether adapted weights are used

    @property
    def queries(self) -> Sequence[Score]:
        """One score of every query; of which configuration does not matter."""
        return next(iter(self.scores.values()))

    @property
    def datasets_and_rows(self) -> Sequence[str]:
        """Names of the datasets, then of the rows of Table 3 that have several datasets."""
        return list(next(iter(self.averages.values())).datasets_and_rows)

    def select(self, name: str, scores: Sequence[Score]) -> list[Score]:
        """The scores that belong to a task without its label, a dataset, a row of Table 3, or ALL."""
        return [
            score
            for score in scores
            if name in (ALL, self.paper_rows[score.task.dataset], score.task.dataset, task_name(score.task))
        ]
