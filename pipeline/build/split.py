"""Assign the subjects of a dataset to the splits: 60 % support, 20 % dev and 20 % test of each group (section 5.1)."""

from collections.abc import Collection, Mapping

from universeg.base.rng import rng_for
from universeg.store import SPLITS

SHARES = (0.6, 0.2, 0.2)  # support, dev, test: paper, section 5.1


def split(dataset: str, groups: Mapping[str, Collection[str]]) -> dict[str, str]:
    """Subject -> split, from the subjects of each group.

    Each group is divided on its own, by a random generator that is seeded by the names of dataset and group. A subject
    of several groups is in one split, so groups are divided from the smallest to the largest, and a larger group keeps
    what is decided already. Its shares are exact if its other subjects are enough for that.
    """
    found: dict[str, str] = {}
    for group in sorted(groups, key=lambda name: (len(set(groups[name])), name)):
        subjects = sorted(set(groups[group]))
        missing = split_sizes(len(subjects))
        for subject in subjects:
            if subject in found:
                missing[found[subject]] -= 1
        new = [subject for subject in subjects if subject not in found]
        for number in rng_for("split", dataset, group).permutation(len(new)):
            name = max(SPLITS, key=missing.__getitem__)
            found[new[number]] = name
            missing[name] -= 1
    return found


def split_sizes(subjects: int) -> dict[str, int]:
    """The number of subjects in each split, for a group with this number of subjects."""
    ends = [round(subjects * sum(SHARES[:count])) for count in range(len(SHARES) + 1)]
    return {name: ends[number + 1] - ends[number] for number, name in enumerate(SPLITS)}
