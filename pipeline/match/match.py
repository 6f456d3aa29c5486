"""Manifest patterns and a folder of files -> which file is which subject's image or label.

Image files and label files are found by their patterns, then joined on the named parts that both patterns have. Every
image becomes a scan or a row of the attrition report. Every label without an image becomes a row too.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.attrition import BadScan, Dropped
from pipeline.manifest.layout import Group, ScanPattern
from pipeline.manifest.schema import Manifest
from pipeline.match.filters import filter_scans
from pipeline.match.image_files import ImageFiles, images_of
from pipeline.match.label_files import LabelIndex, match_labels
from pipeline.match.scan_files import ScanFiles
from universeg.store.format import FRAME

JUNK_FOLDERS, JUNK_FILES = {"__MACOSX"}, {".DS_Store", "Thumbs.db"}


def listing(root: Path) -> list[str]:
    """All files below a folder: sorted, relative, with "/"; without files that desktop systems add."""
    if not root.is_dir():
        raise NotADirectoryError(f"{root}: no such folder; check 'have' and 'root' in the config")
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in JUNK_FOLDERS]
        base = Path(folder).relative_to(root)
        found += [(base / name).as_posix() for name in files if name not in JUNK_FILES and not name.startswith("._")]
    return sorted(found)


def scans_of(manifest: Manifest, root: Path) -> tuple[list[ScanFiles], list[Dropped]]:
    """Every usable scan that the files below `root` form, and a row for everything that is not used."""
    all_paths = listing(root)
    scans: list[ScanFiles] = []
    dropped: list[Dropped] = []
    for group in manifest.groups:
        if group.instead_of in {scan.group for scan in scans}:
            continue
        usable, unusable = filter_scans(group, list(_scans_of_group(group, all_paths, root)), root)
        scans += usable
        dropped += unusable
    return sorted(scans), sorted(set(dropped))


def _scans_of_group(group: Group, all_paths: list[str], root: Path) -> Iterator[ScanFiles | Dropped]:
    paths = [path for path in all_paths if not any(pattern.fits(path) for pattern in group.excluded)]
    labels = _GroupLabels()
    for form in range(len(group.scans)):
        yield from _scans_of_form(group, form, paths, root, labels)
    yield from labels.without_image(group)


def _scans_of_form(
    group: Group, form: int, paths: list[str], root: Path, labels: "_GroupLabels"
) -> Iterator[ScanFiles | Dropped]:
    scans = group.scans[form]
    index = LabelIndex.of(group.labels, scans, paths)
    labels.found.update(index.label_only)
    for image in images_of(scans, [path for path in paths if path not in index.label_only], paths, root):
        name = name_of(group, image.parts)
        candidates = index.candidates(image)
        labels.used.update(match.path for matches in candidates.values() for match in matches)
        for channel, modality in _modalities(scans, image):
            try:
                files = match_labels(group, scans, image, candidates)
                label_index = {"one": None, "same": image.index, "counted": image.count}[group.labels.frames]
                yield ScanFiles(
                    group.name, name, modality, form, image.files, files, channel, image.index, label_index, image.parts
                )
            except BadScan as bad:
                yield Dropped.scan(group.name, name, modality, bad)


def name_of(group: Group, parts: Mapping[str, str]) -> str:
    """Subject, or subject@frame."""
    subject = group.subject.format_map(parts)
    return subject if group.frame is None else f"{subject}{FRAME}{group.frame.format_map(parts)}"


@dataclass(frozen=True)
class _GroupLabels:
    """The label files of a group, each with its parts, and those that some image uses."""

    found: dict[str, Mapping[str, str]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def without_image(self, group: Group) -> Iterator[Dropped]:
        for path in sorted(self.found.keys() - self.used):
            try:
                subject = group.subject.format_map(self.found[path])
            except KeyError:
                subject = Path(path).name
            remedy = "fetch the image, or ignore this label"
            yield Dropped(group.name, subject, reason="label without an image", remedy=remedy, file=path)


def _modalities(scans: ScanPattern, image: ImageFiles) -> Iterator[tuple[int | None, str]]:
    """Channel and modality of each scan that an image gives; the channel is None if the file has only one."""
    if scans.channels:
        yield from scans.channels.items()
    elif isinstance(scans.modality, dict):
        yield None, scans.modality[image.parts["modality"]]
    else:
        yield None, str(scans.modality)
