"""Two networks on the same queries: how much they differ, and whether that can be chance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from universeg.episodes.dice import Mean, Score, averages


@dataclass(frozen=True)
class Comparison:
    """The Dice of a second configuration minus that of a first one, on the same queries."""

    difference: Mean  # averaged level by level as Dice is, with its bootstrap interval
    queries: int
    p_value: float  # paired t-test over the queries, two-sided; NaN for fewer than two queries


def compare(
    first: Sequence[Score],
    second: Sequence[Score],
    bootstraps: int,
    seed: int = 0,
    paper_rows: Mapping[str, str] = MappingProxyType({}),
) -> Comparison:
    """The comparison of two lists of scores. Raises ValueError if they are not of the same queries in the same order.

    Subjects are drawn once for both in each bootstrap sample, so what they have in common cancels out.
    """
    if [(score.task, score.query) for score in first] != [(score.task, score.query) for score in second]:
        raise ValueError("the two networks were not scored on the same queries; evaluate both with the same settings")
    pairs = zip(first, second, strict=True)
    differences = [Score(one.task, one.query, other.dice - one.dice) for one, other in pairs]
    found = averages(differences, bootstraps, seed, paper_rows)
    return Comparison(found.all, len(differences), paired_p_value([score.dice for score in differences]))


def paired_p_value(differences: Sequence[float]) -> float:
    """The probability of a mean difference at least this large if there is none (paired t-test, two-sided)."""
    from scipy.stats import ttest_1samp  # slow to import, and most evaluations compare nothing

    if len(differences) < 2:
        return float("nan")
    if not np.ptp(differences):  # all equal: the statistic is not defined
        return 1.0 if not differences[0] else 0.0
    return float(ttest_1samp(differences, 0).pvalue)
