"""Fingerprints find copies that were changed, and nothing else; also when only a part of all pairs is compared."""

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter, shift

from pipeline.audit import similar
from pipeline.audit.fingerprint import MOST_SHIFT, alignment, fingerprint, orientations, spectrum
from pipeline.audit.leaks import LEAST_ALIGNMENT
from pipeline.audit.similar import similar_pairs
from universeg.base.rng import rng_for

SIDE, PERSONS = 96, 80
CHANGES = {
    "none": lambda image, rng: image,
    "brighter": lambda image, rng: 255 * (image / 255) ** 0.6,
    "darker": lambda image, rng: 255 * (image / 255) ** 1.8,
    "narrow window": lambda image, rng: np.clip((image.astype(float) - 30) * 1.3, 0, 255),
    "negative": lambda image, rng: 255 - image,
    "mirrored": lambda image, rng: image[:, ::-1],
    "turned": lambda image, rng: np.rot90(image),
    "shifted": lambda image, rng: shift(image.astype(float), (3, -2), order=1, mode="nearest"),
    "noise": lambda image, rng: np.clip(image + rng.normal(0, 8, image.shape), 0, 255),
    "blurred": lambda image, rng: gaussian_filter(image.astype(float), 0.7),
    "half size": lambda image, rng: np.asarray(Image.fromarray(image).resize((48, 48), Image.Resampling.BOX)),
}


@pytest.fixture(scope="module")
def people() -> list[np.ndarray]:
    """One organ of many people: the same anatomy, with fine structure of each person's own."""
    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, SIDE)] * 2))
    organ = 120 * (np.hypot(grid[0] * 1.3, grid[1] + 0.1) < 0.7) + 60 * (np.hypot(grid[0] - 0.2, grid[1]) < 0.25)
    found = []
    for person in range(PERSONS):
        rng = rng_for("person", person)
        own = sum(gaussian_filter(rng.normal(size=(SIDE, SIDE)), size) * size * 22 for size in (1.5, 3, 6))
        found.append(np.clip(organ + 40 + own, 0, 255).astype(np.uint8))
    return found


def copied(images):
    """Pairs of indices that the two steps find."""
    vectors = np.stack([fingerprint(image) for image in images])
    return {
        (one, other)
        for one, other in similar_pairs(vectors, np.arange(len(images))).tolist()
        if alignment(orientations(images[one]), spectrum(images[other])) >= LEAST_ALIGNMENT
    }


@pytest.mark.parametrize("change", CHANGES)
def test_every_changed_copy_is_found_and_no_other_person(people, change):
    rng, copies = rng_for("copies", change), range(0, PERSONS, 8)
    changed = [np.ascontiguousarray(CHANGES[change](people[n], rng)).astype(np.uint8) for n in copies]
    found = copied([*people, *changed])
    assert found == {(n, PERSONS + place) for place, n in enumerate(copies)}


def test_a_flat_image_has_no_fingerprint(people):
    assert fingerprint(np.zeros((SIDE, SIDE), np.uint8)) is None
    assert fingerprint(people[0]) is not None


def test_images_of_one_owner_are_no_pair(people):
    vectors = np.stack([fingerprint(image) for image in [*people, people[3]]])
    assert [3, PERSONS] in similar_pairs(vectors, np.arange(PERSONS + 1)).tolist()
    owners = np.arange(PERSONS + 1)
    owners[PERSONS] = 3
    assert [3, PERSONS] not in similar_pairs(vectors, owners).tolist()


def test_nearly_all_pairs_are_found_without_comparing_all(monkeypatch):
    monkeypatch.setattr(similar, "LEAF", 32)
    rng, count = rng_for("many"), 3000
    vectors = rng.normal(size=(count, 100)).astype(np.float32)
    vectors[count - 100 :] = vectors[:100] + rng.normal(0, 0.4, (100, 100))
    leaves = list(similar._leaves(vectors, np.arange(count), rng))
    assert sorted(np.concatenate(leaves).tolist()) == list(range(count))
    compared = similar.TREES * sum(len(leaf) * (len(leaf) - 1) / 2 for leaf in leaves)
    assert compared < count * (count - 1) / 2 / 3
    found = set(map(tuple, similar_pairs(vectors, np.arange(count)).tolist()))
    assert len(found & {(n, count - 100 + n) for n in range(100)}) >= 95


def test_a_vector_has_a_bounded_number_of_pairs_and_keeps_the_nearest(monkeypatch):
    monkeypatch.setattr(similar, "MOST_NEIGHBOURS", 2)
    angles = np.deg2rad([0, 1, 3, 6, 10, 15])
    every = np.array([(one, other) for one in range(6) for other in range(one + 1, 6)])
    nearness = np.cos(angles[every[:, 0]] - angles[every[:, 1]]).astype(np.float32)
    codes = every[:, 0] * 6 + every[:, 1]
    twice = [(codes[::-1], nearness[::-1]), (codes, nearness)]
    kept, kept_nearness = similar._nearest(twice, 6)
    pairs = [divmod(code, 6) for code in kept.tolist()]
    assert [pair for pair in pairs if pair[0] == 0] == [(0, 1), (0, 2)]
    assert (4, 5) in pairs
    assert pairs == sorted(set(pairs))
    assert np.array_equal(kept_nearness, nearness[np.searchsorted(codes, kept)])
    for star in ([6 * 0 + other for other in range(1, 6)], [6 * one + 5 for one in range(5)]):
        assert similar._nearest([(np.array(star), nearness[:5])], 6)[0].tolist() == star, "each is near to one"


@pytest.mark.parametrize("waiting", [0, 300])
def test_dropping_pairs_early_changes_no_result(monkeypatch, waiting):
    """Many vectors are alike here, so that pairs are dropped in a leaf, between leaves, and between trees."""
    monkeypatch.setattr(similar, "LEAF", 64)
    rng, count = rng_for("clusters"), 600
    vectors = (np.repeat(rng.normal(size=(6, 40)), 100, axis=0) + rng.normal(0, 0.1, (count, 40))).astype(np.float32)
    owners = np.arange(count) // 2
    expected = similar_pairs(vectors, owners)
    monkeypatch.setattr(similar, "MOST_WAITING", waiting)
    sizes, nearest = [], similar._nearest
    monkeypatch.setattr(
        similar,
        "_nearest",
        lambda found, n: sizes.append(sum(len(codes) for codes, _ in found)) or nearest(found, n),
    )
    assert np.array_equal(similar_pairs(vectors, owners), expected)
    assert len(expected) <= 2 * similar.MOST_NEIGHBOURS * count
    assert len(sizes) > similar.TREES
    assert max(sizes) < 2 * len(expected) + waiting + 64 * 63 / 2


def test_the_alignment_is_the_largest_correlation_at_small_shifts(people):
    one, other = people[0], np.rot90(np.roll(people[0], (2, -3), (0, 1)))
    turned, plain = orientations(one), spectrum(other)
    correlations = np.abs(np.fft.irfft2(turned * np.conj(plain), (64, 64)))
    near = np.arange(-MOST_SHIFT, MOST_SHIFT + 1)
    assert alignment(turned, plain) == pytest.approx(correlations[:, near[:, None], near].max(), abs=1e-5)
    assert alignment(turned, plain) > correlations[0].max() + 0.2
    assert alignment(orientations(other), spectrum(one)) == pytest.approx(alignment(turned, plain), abs=1e-5)
    assert alignment(orientations(one), spectrum(one)) == pytest.approx(1, abs=1e-5)
