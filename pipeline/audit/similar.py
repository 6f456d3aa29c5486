"""Find pairs of similar vectors among very many, without comparing all pairs.

The vectors are whitened: what all images of an organ have in common gets a small weight, and vectors of different
people become nearly orthogonal. Then random hyperplanes halve the collection until a few hundred vectors are left
together, many times over. Pairs are compared only where they are together. Time grows like n log n; up to `LEAF`
vectors are compared completely.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from universeg.base.rng import rng_for

LEAF = 512  # vectors that are compared completely
TREES = 32
DIMENSIONS = 64  # after whitening
SMOOTHING = 0.1  # of the mean variance: directions with less are noise
FEW = 100  # vectors, of which the covariance is not to be trusted more than equal variances
LEAST_COSINE = 0.5  # of a pair that is worth a closer look
MOST_NEIGHBOURS = 8  # of a vector; so the number of pairs grows like n
MOST_WAITING = 1_000_000  # pairs that are kept until those that are not the nearest are dropped
SAMPLE = 20_000  # vectors from which the covariance is estimated

Array = NDArray[np.float32]
Coded = tuple[NDArray[np.int64], Array]  # the codes of pairs, and their nearness


def whitened(vectors: Array) -> Array:
    """Vectors (n, d) of length 1, with directions of equal variance."""
    sample = vectors[rng_for("whitening").permutation(len(vectors))[:SAMPLE]]
    centre = sample.mean(axis=0)
    variances, directions = np.linalg.eigh(np.cov(sample - centre, rowvar=False, ddof=0))
    variances, directions = variances[::-1][:DIMENSIONS], directions[:, ::-1][:, :DIMENSIONS]
    smoothing = SMOOTHING + FEW / len(sample)
    scales = np.sqrt(variances.clip(min=0) + smoothing * max(float(variances.mean()), 1e-9))
    projected = (vectors - centre) @ (directions / scales)
    lengths = np.maximum(np.linalg.norm(projected, axis=1, keepdims=True), 1e-9)
    return np.asarray(projected / lengths, np.float32)


def similar_pairs(vectors: Array, owners: NDArray[np.integer]) -> NDArray[np.int64]:
    """Pairs (m, 2) of indices, each once and sorted, of similar vectors (n, d) that have different owners.

    Of each vector, the MOST_NEIGHBOURS nearest before it and after it are kept. So memory grows like n, however many
    vectors are alike.
    """
    if len(vectors) < 2:
        return np.empty((0, 2), np.int64)
    points = whitened(vectors)
    codes, nearness = np.empty(0, np.int64), np.empty(0, np.float32)  # a pair's code is one * n + other
    for tree in range(TREES if len(points) > LEAF else 1):
        waiting = [(codes, nearness)]
        for together in _leaves(points, np.arange(len(points)), rng_for("leaf", tree)):
            waiting.append(_close(points, owners, np.sort(together)))
            if sum(len(each) for each, _ in waiting[1:]) > MOST_WAITING:
                waiting = [_nearest(waiting, len(points))]
        codes, nearness = _nearest(waiting, len(points))
    return np.stack([codes // len(points), codes % len(points)], axis=1)


def _close(points: Array, owners: NDArray[np.integer], together: NDArray[np.intp]) -> Coded:
    """The similar pairs among a few vectors; `together` are their indices, sorted."""
    cosines = points[together] @ points[together].T
    rows, columns = np.nonzero(cosines >= LEAST_COSINE)
    kept = (rows < columns) & (owners[together[rows]] != owners[together[columns]])
    rows, columns = rows[kept], columns[kept]
    found = together[rows] * len(points) + together[columns], cosines[rows, columns]
    return _nearest([found], len(points)) if len(rows) > 2 * MOST_NEIGHBOURS * len(together) else found


def _nearest(found: Sequence[Coded], count: int) -> Coded:
    """The pairs, each once and sorted, in which one is among the MOST_NEIGHBOURS nearest of the other."""
    codes, first = np.unique(np.concatenate([codes for codes, _ in found]), return_index=True)
    nearness = np.concatenate([nearness for _, nearness in found])[first]
    kept = np.zeros(len(codes), bool)
    for end in (codes // count, codes % count):
        order = np.lexsort((-nearness, end))
        start = np.searchsorted(end[order], end[order])  # where the pairs of the same vector begin
        kept[order] |= np.arange(len(order)) - start < MOST_NEIGHBOURS
    return codes[kept], nearness[kept]


def _leaves(points: Array, members: NDArray[np.intp], rng: np.random.Generator) -> Iterator[NDArray[np.intp]]:
    """The members in groups of at most LEAF, halved by random hyperplanes."""
    if len(members) <= LEAF:
        yield members
        return
    direction = rng.standard_normal(points.shape[1], np.float32)
    order = np.argpartition(points[members] @ direction, len(members) // 2)
    for half in (order[: len(members) // 2], order[len(members) // 2 :]):
        yield from _leaves(points, members[half], rng)
