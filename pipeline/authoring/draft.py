"""`new`: drafts the manifest of a folder of files, from what the files are; a person fills in the rest."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from numpy.typing import NDArray

from pipeline.attrition import BadScan
from pipeline.authoring.filename_patterns import Family, families
from pipeline.authoring.lint import problems
from pipeline.manifest.schema import load_manifest
from pipeline.match.match import listing, scans_of
from pipeline.readers import Pick, read
from universeg.base.atomic_write import atomic_write
from universeg.base.rng import rng_for

LOOKED_AT, LOOKED_AT_MASKS = 8, 300  # files of a family: a value that is rare in masks must not be missed
MOST_VALUES = 32  # of a label map
LOSSY = (".jpg", ".jpeg")


@dataclass(frozen=True)
class Look:
    """What some files of a family hold."""

    family: Family
    values: tuple[int, ...]  # distinct ones, if few; else empty
    low: float
    is_volume: bool

    @property
    def masks(self) -> bool:
        return len(self.values) > 1 and not self.family.pattern.lower().endswith(LOSSY)


def new(
    name: tyro.conf.Positional[str],
    source: Annotated[Path, tyro.conf.arg(name="from")],
    manifests: Path = Path("dataset_manifests"),
) -> None:
    """Draft a manifest from a folder: formats, patterns, pairs of image and label, label values, axes, modality.

    Args:
        name: Of the dataset: letters, digits and -.
        source: The folder, as it is unpacked.
        manifests: Folder for NAME.yaml; a file that is there is not replaced.
    """
    out = manifests / f"{name}.yaml"
    if out.exists():
        raise ValueError(f"{out}: is there already; delete it, or take another name")
    looks = [look for family in families(listing(source)) if (look := _look(family, source))]
    images = [look for look in looks if not look.masks]
    masks = [look for look in looks if look.masks]
    pairs: dict[tuple[str, ...], tuple[list[Look], list[Look]]] = {}
    for image in images:
        if fitting := [mask for mask in masks if _fits(image, mask)]:
            pairs.setdefault(tuple(mask.family.pattern for mask in fitting), ([], fitting))[0].append(image)
    if not pairs:
        shown = "; ".join(f"{len(look.family.files)} of {look.family.pattern}" for look in looks[:10]) or "no images"
        raise ValueError(f"{source}: found no images with masks of the same names, but {shown}; see dataset_manifests")
    with atomic_write(out) as part:
        part.write_text(_text(name, list(pairs.values())), encoding="utf-8")
    _complete(out, source)


def _look(family: Family, root: Path) -> Look | None:
    """Read a few files of a family, and more if they may be masks; None if none can be read."""
    subjects = sorted(family.files)
    order = rng_for("draft", family.pattern).permutation(len(subjects))
    paths = (root / family.files[subjects[number]] for number in order)
    distinct: set[float] = set()
    low, is_volume, read = np.inf, False, 0
    for path in islice(paths, LOOKED_AT_MASKS):
        if read >= LOOKED_AT and not _few(distinct):
            break
        found = _read(family.reader, path)
        if found is not None:
            values, is_volume = found
            distinct.update(np.unique(values).tolist())
            low, read = min(low, float(values.min())), read + 1
    whole = tuple(sorted(int(value) for value in distinct)) if _few(distinct) else ()
    return Look(family, whole, low, is_volume) if read else None


def _few(values: set[float]) -> bool:
    return len(values) <= MOST_VALUES and all(float(value).is_integer() for value in values)


def _read(reader: str, path: Path) -> tuple[NDArray[np.generic], bool] | None:
    try:
        stored = read(reader, path, Pick(index=0 if reader == "video" else None))
    except BadScan:
        sys.stderr.write(f"{path}: cannot be read as {reader}; it is left out of the draft\n")
        return None
    return np.asarray(stored.values), stored.is_volume


def _fits(image: Look, mask: Look) -> bool:
    """Whether most images have a mask under their subject's name."""
    shared = image.family.files.keys() & mask.family.files.keys()
    return image.is_volume == mask.is_volume and 2 * len(shared) > len(image.family.files)


def _text(name: str, pairs: Sequence[tuple[Sequence[Look], Sequence[Look]]]) -> str:
    groups = "\n".join(_group(f"part{n}" if len(pairs) > 1 else "all", *pair) for n, pair in enumerate(pairs, 1))
    return f"""\
# yaml-language-server: $schema=schema.json
# Drafted from a folder. Lines that a person must look at are marked; dataset_manifests/README.md explains each key.
name: {name}
title: {name} # CHECK
domain: unknown # CHECK: brain, heart, retina ...
homepage: null
citation: [] # CHECK: who made it, with a DOI
licence: {{name: null, research: unknown, commercial: unknown, redistribution: unknown}} # CHECK
access: application # CHECK: open, registration, application, unavailable
role: train # held-out datasets are never sampled in training
sources:
  - file: {name}.zip # CHECK: or build from the folder as it is, with `have: {{{name}: /folder}}` in the config
    get: "CHECK: say where the files are, or give 'url'"
groups:
{groups}"""


def _group(name: str, images: Sequence[Look], masks: Sequence[Look]) -> str:
    return f"""\
  - name: {name} # CHECK
    scans:
{"".join(_scans(image, images) for image in images)}{_labels(masks)}
    axes: {[0, 1, 2] if images[0].is_volume else [0]}
    expect: {{scans: null, subjects: null}}
"""


def _scans(image: Look, images: Sequence[Look]) -> str:
    modality, intensity = (
        ("CT", "ct") if image.low < -200 else ("MRI", "mr") if image.is_volume else ("unknown", "unit")
    )
    if len(images) > 1:
        modality = _quoted(_differs(image, images))
    return f"""\
      - image: {_quoted(image.family.pattern)}
        parts: {{subject: {_quoted(image.family.subject)}}}
        modality: {modality} # CHECK: a guess from dimensions, name and the smallest value, {image.low:g}
        reader: {image.family.reader}
        intensity: {intensity} # CHECK: ct (in HU), mr or unit
"""


def _labels(masks: Sequence[Look]) -> str:
    if len(masks) == 1:
        mask = masks[0]
        names = ", ".join(f"{value}: label {value}" for value in mask.values if value != min(mask.values))
        return f"""\
    labels:
      kind: values
      path: {_quoted(mask.family.pattern)}
      reader: {mask.family.reader}
      names: {{{names}}} # CHECK: {mask.values} occur; {min(mask.values)} is taken for the background"""
    names = "\n".join(f"        {_quoted(_differs(mask, masks))}: {_quoted(mask.family.pattern)}" for mask in masks)
    return f"""\
    labels:
      kind: files # CHECK: several masks for each image. If they are of several observers, keep one
      reader: {masks[0].family.reader}
      names:
{names}"""


def _differs(mask: Look, masks: Sequence[Look]) -> str:
    """What is in the pattern of one mask alone."""
    patterns = [other.family.pattern for other in masks]
    mine = mask.family.pattern
    start = next((n for n, letters in enumerate(zip(*patterns, strict=False)) if len(set(letters)) > 1), 0)
    turned = [pattern[::-1] for pattern in patterns]
    stop = next((n for n, letters in enumerate(zip(*turned, strict=False)) if len(set(letters)) > 1), 0)
    return mine[start : len(mine) - stop].strip("_-. /").replace("/", " ") or mine.replace("/", " ")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _complete(out: Path, source: Path) -> None:
    """Count what the draft finds in the folder, write that into it, and say what is left to do."""
    good, dropped = scans_of(load_manifest(out), source)
    text = out.read_text(encoding="utf-8")
    for group in load_manifest(out).groups:
        scans = [scan for scan in good if scan.group == group.name]
        counts: Mapping[str, int] = {"scans": len(scans), "subjects": len({scan.subject for scan in scans})}
        found = "expect: {" + ", ".join(f"{what}: {count}" for what, count in counts.items()) + "} # counted"
        text = text.replace("expect: {scans: null, subjects: null}", found, 1)
    with atomic_write(out) as part:
        part.write_text(text, encoding="utf-8")
    for row in dropped[:LOOKED_AT]:
        sys.stderr.write(f"not used: {row}\n")
    sys.stderr.write("".join(f"{out}: {problem}\n" for problem in problems(load_manifest(out))))
    checks = [f"{out}:{n}: {line.strip()}\n" for n, line in enumerate(text.splitlines(), 1) if "CHECK" in line]
    sys.stderr.write(
        f"{out}: {len(good)} scans found, {len(dropped)} remarks. Look at these lines:\n" + "".join(checks)
    )
