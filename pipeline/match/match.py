"""Manifest patterns and a folder of files -> which file is which subject's image or label.

Image files and label files are found by their patterns, then joined on the named parts that both patterns have. Every
image becomes a scan or a row of the attrition report. Every label without an image becomes a row too.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline.attrition import BadScan, Dropped
from pipeline.manifest.layout import Group, ScanPattern
from pipeline.manifest.schema import Manifest
from pipeline.match.filters import filter_scans
from pipeline.match.image_files import ImageFiles, images_of
from pipeline.match.label_files import (
    Found,
    LabelIndex,
    find_labels,
    label_only,
    label_patterns,
    match_labels,
    may_lack,
)
from pipeline.match.leftovers import Matched, leftovers, patterns_of, unusable_entries
from pipeline.match.listing import Listing, list_files
from pipeline.match.names import check_name, name_of, name_parts, similar_subjects, subject_name
from pipeline.match.scan_files import ScanFiles


def scans_of(manifest: Manifest, root: Path) -> tuple[list[ScanFiles], list[Dropped]]:
    """Every usable scan that the files below `root` form, and a row for everything that is not used."""
    listed = list_files(root)
    scans: list[ScanFiles] = []
    dropped: list[Dropped] = []
    matched: list[Matched] = []
    for group in manifest.groups:
        if group.instead_of in {scan.group for scan in scans}:
            continue
        usable, unusable = filter_scans(group, list(_scans_of_group(group, listed, matched)), listed)
        scans += usable
        dropped += unusable
    dropped += [
        *leftovers(manifest.groups, matched, listed),
        *unusable_entries(manifest.groups, listed),
        *similar_subjects(scans),
    ]
    return sorted(scans), sorted(set(dropped))


def _scans_of_group(group: Group, listed: Listing, matched: list[Matched]) -> Iterator[ScanFiles | Dropped]:
    """The scans of a group, and a row for each that cannot be used; adds what its patterns match to `matched`."""
    listed = replace(listed, unusable=listed.unusable | dict(_folders_named_like_files(group, listed)))
    paths = sorted({*listed.files, *listed.unusable})
    paths = [path for path in paths if not any(pattern.fits(path) for pattern in group.excluded)]
    labels = _GroupLabels()
    for form in range(len(group.scans)):
        yield from _scans_of_form(group, form, paths, listed, labels, matched)
    yield from labels.without_image(group)


def _folders_named_like_files(group: Group, listed: Listing) -> Iterator[tuple[str, BadScan]]:
    """Folders such as x.nii.gz/ that match a pattern of the group but have no file that matches it."""
    for pattern in patterns_of(group):
        for folder in listed.folders if pattern.ending else ():
            if pattern.fits(folder) and not any(map(pattern.fits, listed.below(folder))):
                inside = next(iter(listed.below(folder)), None)
                remedy = f"replace the folder by the file in it, {inside}" if inside else "fetch it again"
                yield folder, BadScan("is a folder, not a file", folder, remedy)


def _scans_of_form(
    group: Group, form: int, paths: list[str], listed: Listing, labels: "_GroupLabels", matched: list[Matched]
) -> Iterator[ScanFiles | Dropped]:
    scans = group.scans[form]
    found = find_labels(group.labels, scans, paths)
    no_images = label_only(group.labels, scans, found)
    labels.found.update(no_images)
    images = list(images_of(scans, [path for path in paths if path not in no_images], listed))
    index = LabelIndex(group.labels, scans, found, images)
    matched += _matched(group, scans, found, images)
    for image in images:
        name = name_of(group, image.parts)
        labels.used.update(match.path for matches in index.candidates(image).values() for match in matches)
        for channel, modality in _modalities(scans, image):
            try:
                check_name(group, name, modality, image.files[0])
                files = match_labels(group, scans, image, index)
                _check_entries(files, listed)
                label_index = {"one": None, "same": image.index, "counted": image.count}[group.labels.frames]
                yield ScanFiles(
                    group.name, name, modality, form, image.files, files, channel, image.index, label_index, image.parts
                )
            except BadScan as bad:
                yield Dropped.scan(group.name, name, modality, bad)


@dataclass(frozen=True)
class _GroupLabels:
    """The label files of a group, each with its parts, and those that some image uses."""

    found: dict[str, Mapping[str, str]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def without_image(self, group: Group) -> Iterator[Dropped]:
        for path in sorted(self.found.keys() - self.used):
            try:
                subject = subject_name(group, self.found[path])
            except KeyError:
                subject = Path(path).name
            remedy = "fetch the image, or ignore this label"
            yield Dropped(group.name, subject, reason="label without an image", remedy=remedy, file=path)


def _matched(group: Group, scans: ScanPattern, found: Found, images: list[ImageFiles]) -> Iterator[Matched]:
    """What the patterns of one form match."""
    identity, optional = name_parts(group), group.unlabelled == "skip" or may_lack(group.labels)
    files = sorted({path for image in images for path in image.files})
    yield Matched(group.name, identity, scans.pattern, scans.reader, files)
    for name, pattern in label_patterns(group.labels, scans).items():
        reader = group.labels.reader or scans.reader
        files = [match.path for match in found[name]]
        yield Matched(group.name, identity, pattern, reader, files, is_label=True, may_be_missing=optional)


def _check_entries(files: Mapping[str, tuple[str, ...]], listed: Listing) -> None:
    """Raise BadScan if one of the label files cannot be opened."""
    for path in (path for paths in files.values() for path in paths):
        if path in listed.unusable:
            problem = listed.unusable[path]
            raise BadScan(problem.reason, path, problem.remedy)


def _modalities(scans: ScanPattern, image: ImageFiles) -> Iterator[tuple[int | None, str]]:
    """Channel and modality of each scan that an image gives; the channel is None if the file has only one."""
    if scans.channels:
        yield from scans.channels.items()
    elif isinstance(scans.modality, dict):
        yield None, scans.modality[image.parts["modality"]]
    else:
        yield None, str(scans.modality)
