"""Manifest patterns and a folder of files -> which file is which subject's image or label.

Images and labels are each found by their pattern and joined on the named parts that both patterns have. Every
image then is a scan or a row of the attrition report, and so is every label that has no image.
"""

import json
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.attrition import BadScan, Dropped
from pipeline.manifest.layout import Group, ScanPattern
from pipeline.manifest.schema import Manifest
from pipeline.match.copies import identical
from pipeline.match.filters import most_labelled
from pipeline.match.image_files import Image, images_of
from pipeline.match.label_files import LabelFiles, match_labels
from universeg.base.atomic_write import atomic_write
from universeg.store import subject_of
from universeg.store.format import FRAME

JUNK_FOLDERS, JUNK_FILES = {"__MACOSX"}, {".DS_Store", "Thumbs.db"}


@dataclass(frozen=True, order=True)
class ScanFiles:
    """One image of a subject in one modality, and where its labels are; paths are relative to the dataset's folder."""

    group: str
    subject: str  # subject, or subject@frame
    modality: str
    form: int  # which of the group's `scans` describes it
    images: tuple[str, ...]  # its file, or the files of its slices
    labels: Mapping[str, tuple[str, ...]]  # label name -> files; the name is "" for one file with all labels
    channel: int | None = None
    index: int | None = None  # frame within the image file, from 0
    label_index: int | None = None  # frame within the label file
    parts: Mapping[str, str] = field(default_factory=dict)


def listing(root: Path) -> list[str]:
    """All files below a folder, sorted, relative, with `/`; without what operating systems leave behind."""
    if not root.is_dir():
        raise NotADirectoryError(f"{root}: no such folder; check 'have' and 'root' in the config")
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in JUNK_FOLDERS]
        base = Path(folder).relative_to(root)
        found += [(base / name).as_posix() for name in files if name not in JUNK_FILES and not name.startswith("._")]
    return sorted(found)


def scans_of(manifest: Manifest, root: Path) -> tuple[list[ScanFiles], list[Dropped]]:
    """Every scan that the files below `root` make up, and what is wrong with the others."""
    everything = listing(root)
    scans: list[ScanFiles] = []
    dropped: list[Dropped] = []
    for group in manifest.groups:
        if group.instead_of in {scan.group for scan in scans}:
            continue
        paths = [path for path in everything if not any(pattern.fits(path) for pattern in group.excluded)]
        labels = _LabelsOfGroup()
        forms = range(len(group.scans))
        found = [result for form in forms for result in _scans_of_form(group, form, paths, root, labels)]
        found += labels.without_image(group)
        single, copies = _without_copies(group, [result for result in found if isinstance(result, ScanFiles)], root)
        single, others = most_labelled(group, single)
        unique, twice = _without_repeats(single)
        good, known = _without_known_bad(group, unique)
        good, surplus = _at_most(group, good)
        bad = [result for result in found if isinstance(result, Dropped)]
        scans += good
        dropped += _settle_known(group, [*bad, *twice]) + known + surplus + copies + others
        dropped += _missing_known_bad(group, found) if found else []
    return sorted(scans), sorted(set(dropped))


def _scans_of_form(
    group: Group, form: int, paths: list[str], root: Path, labels: "_LabelsOfGroup"
) -> Iterator[ScanFiles | Dropped]:
    scans = group.scans[form]
    files = LabelFiles.below(group.labels, scans, paths)
    labels.there.update(files.there)
    for image in images_of(scans, [path for path in paths if path not in files.there], paths, root):
        name = name_of(group, image.parts)
        fitting = files.fitting(image)
        labels.used.update(match.path for matches in fitting.values() for match in matches)
        for channel, modality in _modalities(scans, image):
            try:
                partners = match_labels(group, scans, image, fitting)
                counted = {"one": None, "same": image.index, "counted": image.count}[group.labels.frames]
                yield ScanFiles(
                    group.name, name, modality, form, image.files, partners, channel, image.index, counted, image.parts
                )
            except BadScan as bad:
                yield Dropped.scan(group.name, name, modality, bad)


def name_of(group: Group, parts: Mapping[str, str]) -> str:
    """Subject, or subject@frame."""
    subject = group.subject.format_map(parts)
    return subject if group.frame is None else f"{subject}{FRAME}{group.frame.format_map(parts)}"


@dataclass(frozen=True)
class _LabelsOfGroup:
    """Label files of a group with their parts, and those that some image has."""

    there: dict[str, Mapping[str, str]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def without_image(self, group: Group) -> Iterator[Dropped]:
        for path in sorted(self.there.keys() - self.used):
            try:
                subject = group.subject.format_map(self.there[path])
            except KeyError:
                subject = Path(path).name
            remedy = "fetch the image, or ignore this label"
            yield Dropped(group.name, subject, reason="label without an image", remedy=remedy, file=path)


def _modalities(scans: ScanPattern, image: Image) -> Iterator[tuple[int | None, str]]:
    if scans.channels:
        yield from scans.channels.items()
    elif isinstance(scans.modality, dict):
        yield None, scans.modality[image.parts["modality"]]
    else:
        yield None, str(scans.modality)


def _without_copies(group: Group, scans: list[ScanFiles], root: Path) -> tuple[list[ScanFiles], list[Dropped]]:
    """The scans without second copies, byte for byte, that lie deeper in the folder; and a remark about these."""
    kept: dict[tuple[str, str], list[ScanFiles]] = defaultdict(list)
    for scan in sorted(scans, key=lambda scan: (scan.images[0].count("/"), scan)):
        others = kept[scan.subject, scan.modality]
        if not any(_picks(scan) == _picks(other) and identical(_files(scan), _files(other), root) for other in others):
            others.append(scan)
    single = sorted(scan for found in kept.values() for scan in found)
    reason = f"{len(scans) - len(single)} scans are second copies, byte for byte, and left out"
    return single, [Dropped(group.name, "", reason=reason, known=True)] if len(single) < len(scans) else []


def _picks(scan: ScanFiles) -> tuple[int | None, ...]:
    return scan.channel, scan.index, scan.label_index


def _files(scan: ScanFiles) -> list[str]:
    return [*scan.images, *(file for name in sorted(scan.labels) for file in scan.labels[name])]


def _without_repeats(scans: Iterable[ScanFiles]) -> tuple[list[ScanFiles], list[Dropped]]:
    same: dict[tuple[str, str], list[ScanFiles]] = defaultdict(list)
    for scan in scans:
        same[scan.subject, scan.modality].append(scan)
    unique = [found[0] for found in same.values() if len(found) == 1]
    repeats = [
        Dropped(
            scan.group,
            scan.subject,
            scan.modality,
            file=scan.images[0],
            remedy="remove all but one; or tell a subject's several images apart by `frame` in the manifest",
            reason=f"the subject is there {len(found)} times: {', '.join(other.images[0] for other in found)}",
        )
        for found in same.values()
        if len(found) > 1
        for scan in found
    ]
    return unique, repeats


def _at_most(group: Group, scans: list[ScanFiles]) -> tuple[list[ScanFiles], list[Dropped]]:
    """Of each subject and modality the frames that the manifest wants, and a remark about the others."""
    if group.most_frames is None:
        return scans, []
    frames: dict[tuple[str, str], list[ScanFiles]] = defaultdict(list)
    for scan in sorted(scans):
        frames[subject_of(scan.subject), scan.modality].append(scan)
    chosen = [found[i] for found in frames.values() for i in _spread(len(found), group.most_frames)]
    reason = f"{len(scans) - len(chosen)} frames beyond {group.most_frames} of a subject are left out"
    return chosen, [Dropped(group.name, "", reason=reason, known=True)] if len(chosen) < len(scans) else []


def _spread(count: int, most: int) -> list[int]:
    return sorted({round(float(at)) for at in np.linspace(0, count - 1, min(most, count))})


def _without_known_bad(group: Group, scans: list[ScanFiles]) -> tuple[list[ScanFiles], list[Dropped]]:
    good = [scan for scan in scans if scan.subject not in group.known_bad]
    bad = [
        Dropped(
            group.name,
            scan.subject,
            scan.modality,
            reason=group.known_bad[scan.subject],
            file=scan.images[0],
            known=True,
        )
        for scan in scans
        if scan.subject in group.known_bad
    ]
    return good, bad


def _settle_known(group: Group, dropped: list[Dropped]) -> list[Dropped]:
    return [
        replace(row, known=True, reason=group.known_bad[row.subject]) if row.subject in group.known_bad else row
        for row in dropped
    ]


def _missing_known_bad(group: Group, found: list[ScanFiles | Dropped]) -> list[Dropped]:
    there = {result.subject for result in found}
    return [
        Dropped(
            group.name,
            subject,
            reason="known_bad names this scan, but it is not there",
            remedy="correct known_bad, or check that the copy is complete",
        )
        for subject in sorted(group.known_bad.keys() - there)
    ]


def write(path: Path, root: Path, scans: list[ScanFiles], dropped: list[Dropped]) -> None:
    """Keep the findings as JSON."""
    text = {"root": str(root), "scans": [asdict(scan) for scan in scans], "dropped": [asdict(row) for row in dropped]}
    with atomic_write(path) as part:
        part.write_text(json.dumps(text, indent=1), encoding="utf-8")


def read(path: Path) -> tuple[Path, list[ScanFiles], list[Dropped]]:
    """The dataset's folder and the findings that `write` kept."""
    text: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    scans = [_scan(**facts) for facts in text["scans"]]
    return Path(text["root"]), scans, [Dropped(**row) for row in text["dropped"]]


def _scan(images: list[str], labels: dict[str, list[str]], **facts: Any) -> ScanFiles:
    return ScanFiles(images=tuple(images), labels={name: tuple(files) for name, files in labels.items()}, **facts)
