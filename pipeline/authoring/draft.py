"""The stage `new`: draft a manifest for a folder from the names and contents of its files. A person completes it."""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import tyro

from pipeline.authoring.content import Content, inspect
from pipeline.authoring.draft_text import COUNTS, group_text, manifest_text
from pipeline.authoring.filename_patterns import group_by_pattern
from pipeline.authoring.lint import problems
from pipeline.authoring.nnunet import nnunet_groups
from pipeline.authoring.no_pairs import reasons
from pipeline.manifest.schema import DATASET_NAME, load_manifest
from pipeline.manifest.strict_yaml import DocumentError
from pipeline.match.listing import listing
from pipeline.match.match import scans_of
from universeg.base.atomic_write import atomic_write
from universeg.store import subject_of

MAX_SHOWN = 8  # scans that are not used, and are listed


def new(
    name: tyro.conf.Positional[str],
    source: Annotated[Path, tyro.conf.arg(name="from")],
    manifests: Path = Path("dataset_manifests"),
) -> None:
    """Draft a manifest for a folder of images and masks.

    It finds the formats, path patterns, pairs of image and mask, label values, axes and modality. It reads nnU-Net's
    dataset.json, names as in BIDS, and folders whose DICOM files are the slices of one scan. Lines marked CHECK need a
    person.

    Args:
        name: Name of the dataset: letters, digits and -.
        source: The folder with the unpacked files.
        manifests: The folder in which NAME.yaml is written. An existing file is not replaced, and nothing is written
            if the draft is not a valid manifest.
    """
    if not re.fullmatch(DATASET_NAME, name):
        better = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")
        hint = f", for example {better}" if better else ""
        raise ValueError(f"{name!r} cannot be the name of a dataset: use letters, digits and -{hint}")
    out = manifests / f"{name}.yaml"
    if out.exists():
        raise ValueError(f"{out}: already exists; delete it, or choose another name")
    if not source.is_dir():
        raise ValueError(f"{source}: is not a folder; give the folder with the unpacked files")
    groups = _groups(source)
    try:
        text, lines = _checked(name, manifest_text(name, groups), source)
    except DocumentError as error:
        raise ValueError(f"{source}: the draft is no valid manifest, so nothing was written: {error}") from error
    with atomic_write(out) as part:
        part.write_text(text, encoding="utf-8")
    lines = [f"{out}: {line}" for line in lines]
    lines += [f"{out}:{n}: {line.strip()}" for n, line in enumerate(text.splitlines(), 1) if "CHECK" in line]
    sys.stderr.write("".join(f"{line}\n" for line in lines))


def _groups(source: Path) -> list[str]:
    """The text of the groups. Raises ValueError, which says why, if there are no images with masks."""
    files = listing(source)
    if known := nnunet_groups(files, source):
        return known
    contents = [content for group in group_by_pattern(files) if (content := inspect(group, source))]
    pairs = _pairs(contents)
    if not pairs:
        why = "\n".join(f"- {reason}" for reason in reasons(files, contents))
        raise ValueError(
            f"{source}: no images with masks of matching names, so nothing was written.\n{why}\n"
            "Then try again, or write the manifest by hand: dataset_manifests/README.md"
        )
    return [group_text(f"part{n}" if len(pairs) > 1 else "all", *pair) for n, pair in enumerate(pairs, 1)]


def _pairs(contents: Sequence[Content]) -> list[tuple[list[Content], list[Content]]]:
    """Images and their masks; all images with the same masks are together."""
    masks = [content for content in contents if content.is_mask]
    pairs: dict[tuple[str, ...], tuple[list[Content], list[Content]]] = {}
    for image in contents:
        matching = [mask for mask in masks if _match(image, mask)] if not image.is_mask else []
        matching = [mask for mask in matching if not mask.is_stack] or matching  # a manifest cannot have both
        if matching:
            pairs.setdefault(tuple(mask.group.pattern for mask in matching), ([], matching))[0].append(image)
    return list(pairs.values())


def _match(image: Content, mask: Content) -> bool:
    """Whether most images have a mask with the same subject, and not several masks each."""
    shared = image.group.files.keys() & mask.group.files.keys()
    slices = image.is_volume and image.is_stack and mask.is_stack
    one_each = mask.group.count < 2 * len(mask.group.files)
    fitting = slices or (one_each and image.is_volume == mask.is_volume)
    return fitting and 2 * len(shared) > len(image.group.files)


def _checked(name: str, text: str, source: Path) -> tuple[str, list[str]]:
    """The text with the numbers of scans in the folder, and what a person must know.

    Raises DocumentError if the text is not a valid manifest.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.yaml"
        path.write_text(text, encoding="utf-8")
        scans, dropped = scans_of(load_manifest(path), source)
        for group in load_manifest(path).groups:
            own = [scan for scan in scans if scan.group == group.name]
            subjects = len({subject_of(scan.subject) for scan in own})
            counts = f"expect: {{scans: {len(own)}, subjects: {subjects}}} # counted in the folder"
            text = text.replace(COUNTS, counts, 1)
        path.write_text(text, encoding="utf-8")
        lines = [f"not used: {row}" for row in dropped[:MAX_SHOWN]] + list(problems(load_manifest(path)))
    if not scans:
        raise ValueError("\n".join([f"{source}: the draft finds no scans, so nothing was written", *lines]))
    return text, [*lines, f"{len(scans)} scans found, {len(dropped)} not used. Check these lines:"]
