"""The stage `new`: draft a manifest for a folder from the names and contents of its files. A person completes it."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from pipeline.attrition import BadScan
from pipeline.authoring.filename_patterns import FileGroup, group_by_pattern
from pipeline.authoring.lint import problems
from pipeline.manifest.schema import load_manifest
from pipeline.match.match import listing, scans_of
from pipeline.readers import Pick, read
from universeg.base.atomic_write import atomic_write
from universeg.base.rng import rng_for
from universeg.imageio.image import RawImage

MAX_IMAGES = 8  # files of a group that are read
MAX_MASKS = 300  # the same for masks: more, because a rare value must not be missed
MAX_VALUES = 32  # different values in a label map
MAX_SHOWN = 8  # problems that are listed
LOSSY = (".jpg", ".jpeg")  # compression changes the values of masks


@dataclass(frozen=True)
class Content:
    """The content of some files of a group."""

    group: FileGroup
    values: tuple[int, ...]  # all different values; empty if there are many, or not only whole numbers
    lowest: float
    is_volume: bool

    @property
    def is_mask(self) -> bool:
        return len(self.values) > 1 and not self.group.pattern.lower().endswith(LOSSY)


def new(
    name: tyro.conf.Positional[str],
    source: Annotated[Path, tyro.conf.arg(name="from")],
    manifests: Path = Path("dataset_manifests"),
) -> None:
    """Draft a manifest for a folder of images and masks.

    It finds the formats, path patterns, pairs of image and mask, label values, axes and modality. Lines marked CHECK
    need a person.

    Args:
        name: Name of the dataset: letters, digits and -.
        source: The folder with the unpacked files.
        manifests: The folder in which NAME.yaml is written. An existing file is not replaced.
    """
    out = manifests / f"{name}.yaml"
    if out.exists():
        raise ValueError(f"{out}: already exists; delete it, or choose another name")
    contents = [content for group in group_by_pattern(listing(source)) if (content := _inspect(group, source))]
    masks = [content for content in contents if content.is_mask]
    pairs: dict[tuple[str, ...], tuple[list[Content], list[Content]]] = {}
    for image in contents:
        matching = [mask for mask in masks if _match(image, mask)] if not image.is_mask else []
        if matching:
            pairs.setdefault(tuple(mask.group.pattern for mask in matching), ([], matching))[0].append(image)
    if not pairs:
        found = "; ".join(f"{len(content.group.files)} of {content.group.pattern}" for content in contents[:MAX_SHOWN])
        problem = f"no images with masks of matching names; found {found or 'no images'}"
        raise ValueError(f"{source}: {problem}; rename the files, or write the manifest: dataset_manifests/README.md")
    with atomic_write(out) as part:
        part.write_text(_text(name, list(pairs.values())), encoding="utf-8")
    _add_counts(out, source)


def _inspect(group: FileGroup, root: Path) -> Content | None:
    """Read a few files of a group, or more if they may be masks; None if none can be read."""
    subjects = sorted(group.files)
    order = rng_for("draft", group.pattern).permutation(len(subjects))
    paths = (root / group.files[subjects[number]] for number in order)
    values: set[float] = set()
    lowest, is_volume, read_files = np.inf, False, 0
    for path in islice(paths, MAX_MASKS):
        if read_files >= MAX_IMAGES and not _may_be_labels(values):
            break
        stored = _read(group.reader, path)
        if stored is not None:
            samples, is_volume = np.asarray(stored.values), stored.is_volume
            values.update(np.unique(samples).tolist())
            lowest, read_files = min(lowest, float(samples.min())), read_files + 1
    labels = tuple(sorted(int(value) for value in values)) if _may_be_labels(values) else ()
    return Content(group, labels, lowest, is_volume) if read_files else None


def _may_be_labels(values: set[float]) -> bool:
    return len(values) <= MAX_VALUES and all(float(value).is_integer() for value in values)


def _read(reader: str, path: Path) -> RawImage | None:
    try:
        return read(reader, path, Pick(index=0 if reader == "video" else None))
    except BadScan as bad:
        sys.stderr.write(f"{path}: left out of the draft: {bad.reason}\n")
        return None


def _match(image: Content, mask: Content) -> bool:
    """Whether most images have a mask with the same subject."""
    shared = image.group.files.keys() & mask.group.files.keys()
    return image.is_volume == mask.is_volume and 2 * len(shared) > len(image.group.files)


def _text(name: str, pairs: Sequence[tuple[Sequence[Content], Sequence[Content]]]) -> str:
    """The manifest as YAML. Each pair of images and masks becomes a group."""
    groups = "\n".join(_group(f"part{n}" if len(pairs) > 1 else "all", *pair) for n, pair in enumerate(pairs, 1))
    return f"""\
# yaml-language-server: $schema=schema.json
# Drafted from a folder. A person must check the marked lines; dataset_manifests/README.md explains the keys.
name: {name}
title: {name} # CHECK
domain: unknown # CHECK: brain, heart, retina ...
homepage: null
citation: [] # CHECK: who made it, with a DOI
licence: {{name: null, research: unknown, commercial: unknown, redistribution: unknown}} # CHECK
access: application # CHECK: open, registration, application, unavailable
role: train # or held-out: never used for training
sources:
  - file: {name}.zip # CHECK; to use the folder as it is, write `have: {{{name}: /folder}}` in the config
    get: "CHECK: write where to get the file, or give 'url'"
groups:
{groups}"""


def _group(name: str, images: Sequence[Content], masks: Sequence[Content]) -> str:
    return f"""\
  - name: {name} # CHECK
    scans:
{"".join(_scans(image, images) for image in images)}{_labels(masks)}
    axes: {[0, 1, 2] if images[0].is_volume else [0]}
    expect: {{scans: null, subjects: null}}
"""


def _scans(image: Content, images: Sequence[Content]) -> str:
    modality, intensity = (
        ("CT", "ct") if image.lowest < -200 else ("MRI", "mr") if image.is_volume else ("unknown", "unit")
    )
    if len(images) > 1:
        modality = _quoted(_distinguishing_text(image, images))
    slices = " # CHECK: if each file is one slice of a volume, add 'stack'" if image.group.reader == "dicom" else ""
    return f"""\
      - image: {_quoted(image.group.pattern)}
        parts: {{subject: {_quoted(image.group.subject)}}}
        modality: {modality} # CHECK: guessed from the number of axes, the names and the lowest value, {image.lowest:g}
        reader: {image.group.reader}{slices}
        intensity: {intensity} # CHECK: ct (in HU), mr or unit
"""


def _labels(masks: Sequence[Content]) -> str:
    if len(masks) == 1:
        mask = masks[0]
        names = ", ".join(f"{value}: label {value}" for value in mask.values if value != min(mask.values))
        return f"""\
    labels:
      kind: values
      path: {_quoted(mask.group.pattern)}
      reader: {mask.group.reader}
      names: {{{names}}} # CHECK: the values are {mask.values}; {min(mask.values)} is taken as background"""
    names = "\n".join(
        f"        {_quoted(_distinguishing_text(mask, masks))}: {_quoted(mask.group.pattern)}" for mask in masks
    )
    return f"""\
    labels:
      kind: files # CHECK: each image has several masks. If they are from several observers, keep one
      reader: {masks[0].group.reader}
      names:
{names}"""


def _distinguishing_text(mask: Content, masks: Sequence[Content]) -> str:
    """The part of a pattern that differs from the other patterns."""
    patterns = [other.group.pattern for other in masks]
    mine = mask.group.pattern
    start = next((n for n, letters in enumerate(zip(*patterns, strict=False)) if len(set(letters)) > 1), 0)
    turned = [pattern[::-1] for pattern in patterns]
    stop = next((n for n, letters in enumerate(zip(*turned, strict=False)) if len(set(letters)) > 1), 0)
    return mine[start : len(mine) - stop].strip("_-. /").replace("/", " ") or mine.replace("/", " ")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _add_counts(out: Path, source: Path) -> None:
    """Match the draft with the folder, write the numbers of scans into it, and report what a person must check."""
    scans, dropped = scans_of(load_manifest(out), source)
    text = out.read_text(encoding="utf-8")
    for group in load_manifest(out).groups:
        own = [scan for scan in scans if scan.group == group.name]
        subjects = len({scan.subject for scan in own})
        counts = f"expect: {{scans: {len(own)}, subjects: {subjects}}} # counted in the folder"
        text = text.replace("expect: {scans: null, subjects: null}", counts, 1)
    with atomic_write(out) as part:
        part.write_text(text, encoding="utf-8")
    lines = [f"not used: {row}" for row in dropped[:MAX_SHOWN]]
    lines += [f"{out}: {problem}" for problem in problems(load_manifest(out))]
    lines.append(f"{out}: {len(scans)} scans found, {len(dropped)} not used. Check these lines:")
    lines += [f"{out}:{n}: {line.strip()}" for n, line in enumerate(text.splitlines(), 1) if "CHECK" in line]
    sys.stderr.write("".join(f"{line}\n" for line in lines))
