"""The stage `leaks`: images and persons that are in two places, and whether one of the places must not have them."""

import sys
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import chain, groupby
from operator import itemgetter
from pathlib import Path

import numpy as np
import tyro
import xxhash
from numpy.typing import NDArray

from pipeline.audit.fingerprint import alignment, fingerprint, orientations, spectrum
from pipeline.audit.images import Images, Person
from pipeline.audit.leak_report import write_report
from pipeline.audit.pairs import LEAK, Declared, Pair, declared_overlaps, number_of_leaks
from pipeline.audit.similar import similar_pairs
from pipeline.backends.progress import progress_bar
from universeg.store import Store

LEAST_ALIGNMENT = 0.87  # of two images that count as copies; measured in docs/reliability.md
MOST_LINES = 20


def leaks(stores: tyro.conf.Positional[tuple[Path, ...]], out: Path | None = None) -> None:
    """Find images and persons that are in two datasets, or in two splits of one, and fail if that is a leak.

    It compares source files, pixels, and fingerprints that mirroring, turning, small shifts and other intensities do
    not change. It also lists the overlaps that manifests declare. It is a leak if one of the two is in a training
    dataset and the other is not, or if they are in different splits of training datasets or of one dataset. Then the
    exit status is 1.

    Args:
        stores: The stores, or folders of stores.
        out: A folder for the report: leaks.html with pictures of the pairs, and leaks.csv. Default: no report.
    """
    opened = _opened(stores)
    images = Images(opened)
    declared = declared_overlaps(opened)
    copies, flat = _copies(images)
    found = _merged(chain(_same_files(images), copies))
    if out is not None:
        write_report(out, declared, found, images)
    for line in _summary(declared, found, images):
        sys.stdout.write(f"{line}\n")
    if flat:
        sys.stdout.write(f"  {flat} images have too little contrast to be compared; their files were compared\n")
    bad = number_of_leaks(declared, found)
    if bad:
        raise ValueError(
            f"{bad} leaks. Leave one of the two out: with --exclude-overlaps or --exclude-tasks of universeg train, or"
            " in known_bad of the manifest"
        )


def _opened(paths: Iterable[Path]) -> list[Store]:
    """The stores; raises ValueError if there is none, or two of the same dataset."""
    files = [file for path in paths for file in (sorted(path.glob("*.lmdb")) if path.is_dir() else [path])]
    if not files:
        raise ValueError("there is no store; name stores (.lmdb) or folders of stores")
    stores = [Store(file) for file in dict.fromkeys(files)]
    names = Counter(store.header["dataset"] for store in stores)
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise ValueError(f"two stores of {', '.join(twice)}; give only one of each dataset")
    return stores


def _same_files(images: Images) -> Iterator[Pair]:
    """Scans of different persons that were read from the same source file and the same frame."""
    groups: dict[Hashable, list[tuple[Person, str]]] = {}
    for store in images.stores:
        for origin in store.origins():
            frame = origin.image.sha256, origin.index, origin.channel
            groups.setdefault(frame, []).append((images.person(store, origin.subject), origin.image.names[0]))
    for members in groups.values():
        for person, file in members[1:]:
            if person != members[0][0]:
                yield Pair("same file", members[0][0], person, files=(members[0][1], file))


def _copies(images: Images) -> tuple[list[Pair], int]:
    """Images of different persons with the same pixels or the same content; and how many are too flat to compare."""
    persons, found = [seen.person for seen in images.all], list[Pair]()
    vectors, numbers, same = list[NDArray[np.float32]](), list[int](), dict[bytes, int]()
    with progress_bar("reading images", len(persons)) as advance:
        for number, pixels in enumerate(images.read()):
            vector = fingerprint(pixels)
            if vector is not None:
                first = same.setdefault(xxhash.xxh3_128_digest(pixels.tobytes()), number)
                if persons[first] != persons[number]:
                    found.append(Pair("same pixels", persons[first], persons[number], 1.0, (first, number), count=1))
                vectors.append(vector)
                numbers.append(number)
            advance(1)
    near = _near(images, np.stack(vectors), numbers) if vectors else ()
    return [*found, *near], len(persons) - len(vectors)


def _near(images: Images, vectors: NDArray[np.float32], numbers: Sequence[int]) -> Iterator[Pair]:
    persons = [images.all[number].person for number in numbers]
    known = {person: code for code, person in enumerate(dict.fromkeys(persons))}
    pairs = similar_pairs(vectors, np.array([known[person] for person in persons]))
    spectra = lru_cache(maxsize=2048)(lambda number: spectrum(images.pixels(number)))
    with progress_bar("comparing pairs", len(pairs)) as advance:
        for one, partners in groupby(pairs.tolist(), itemgetter(0)):  # pairs are sorted
            first, turned = numbers[one], orientations(images.pixels(numbers[one]))
            for _, other in partners:
                second = numbers[other]
                similarity = alignment(turned, spectra(second))
                if similarity >= LEAST_ALIGNMENT and (images.pixels(first) != images.pixels(second)).any():
                    yield Pair("near duplicate", persons[one], persons[other], similarity, (first, second), count=1)
                advance(1)


def _merged(pairs: Iterable[Pair]) -> list[Pair]:
    """One pair for each two persons, with the strongest evidence and the number of images; leaks first."""
    found: dict[tuple[Person, Person], Pair] = {}
    for pair in pairs:
        key = min(pair.one, pair.other), max(pair.one, pair.other)
        before = found.get(key)
        if before is None:
            found[key] = pair
            continue
        best = max(before, pair, key=lambda one: one.strength)
        numbers = before.images or pair.images
        found[key] = replace(best, count=before.count + pair.count, images=best.images or numbers)
    return sorted(found.values(), key=lambda pair: (pair.verdict != LEAK, -pair.strength, pair.one, pair.other))


def _summary(declared: Sequence[Declared], found: Sequence[Pair], images: Images) -> Iterator[str]:
    persons = len({seen.person for seen in images.all})
    yield f"{len(images.all)} images of {persons} persons in {len(images.stores)} stores"
    yield from (f"  {one}" for one in declared)
    counts: Mapping[tuple[str, str], int] = Counter((pair.verdict, pair.evidence) for pair in found)
    for (verdict, evidence), count in sorted(counts.items()):
        yield f"  {verdict}: {count} pairs of persons, {evidence}"
    for pair in found[:MOST_LINES]:
        yield f"  {pair}"
    if len(found) > MOST_LINES:
        yield f"  and {len(found) - MOST_LINES} more; --out FOLDER writes all"
    if not found and not declared:
        yield "  no image and no person is in two places"
