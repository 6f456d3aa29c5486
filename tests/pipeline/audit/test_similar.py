"""Fingerprints find copies that were changed, and nothing else; also when only a part of all pairs is compared."""

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter, shift

from pipeline.audit import similar
from pipeline.audit.fingerprint import alignment, fingerprint, orientations
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
        if alignment(orientations(images[one]), orientations(images[other])) >= LEAST_ALIGNMENT
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
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    every = np.array([(one, other) for one in range(6) for other in range(one + 1, 6)])
    kept = similar._nearest(every, points).tolist()
    assert [pair for pair in kept if pair[0] == 0] == [[0, 1], [0, 2]]
    assert [4, 5] in kept
