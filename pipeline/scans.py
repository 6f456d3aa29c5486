"""Manifest patterns and a folder of files -> which file is which subject's image or label.

Images and labels are each found by their pattern and joined on the named parts that both patterns have. Every
image then is a scan or a row of the attrition report, and so is every label that has no image.
"""

import json
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pipeline.attrition import Dropped
from pipeline.manifest import FileLabels, Group, Manifest, Scans
from pipeline.template import Match, Template
from pipeline.volume import BadScan
from universeg.files import written_whole
from universeg.store.format import FRAME

JUNK_FOLDERS, JUNK_FILES = {"__MACOSX"}, {".DS_Store", "Thumbs.db"}


LabelIndex = dict[tuple[str, ...], list[Match]]


@dataclass(frozen=True, order=True)
class Scan:
    """One image of a subject in one modality, and where its labels are; paths are relative to the dataset's folder."""

    group: str
    subject: str  # subject, or subject@frame
    modality: str
    form: int  # which of the group's `scans` describes it
    image: str
    channel: int | None
    labels: Mapping[str, str]  # label name -> file; the name is "" for one file with all labels


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


def scans_of(manifest: Manifest, root: Path) -> tuple[list[Scan], list[Dropped]]:
    """Every scan that the files below `root` make up, and what is wrong with the others."""
    paths = listing(root)
    scans: list[Scan] = []
    dropped: list[Dropped] = []
    for group in manifest.groups:
        labels = _LabelFiles()
        forms = range(len(group.scans))
        found = [result for form in forms for result in _scans_of_form(group, form, paths, labels)]
        found += labels.without_image(group)
        unique, twice = _without_repeats(result for result in found if isinstance(result, Scan))
        good, known = _without_known_bad(group, unique)
        bad = [result for result in found if isinstance(result, Dropped)]
        scans += good
        dropped += _settle_known(group, [*bad, *twice]) + known
        dropped += _missing_known_bad(group, found)
    return sorted(scans), sorted(set(dropped))


def _scans_of_form(group: Group, form: int, paths: list[str], labels: "_LabelFiles") -> Iterator[Scan | Dropped]:
    scans = group.scans[form]
    label_files = {name: _by_parts(scans, text, paths) for name, text in _label_patterns(group).items()}
    # A pattern for images may also describe label files (image.nii, image_seg.nii): those are no images.
    found = {match.path: match for _, index in label_files.values() for matches in index.values() for match in matches}
    labels.there.update(found)
    for match in scans.template.matches(path for path in paths if path not in found):
        subject = group.subject.format(**match.parts)
        name = subject if group.frame is None else f"{subject}{FRAME}{group.frame.format(**match.parts)}"
        fitting = _fitting(scans, match, label_files)
        labels.used.update(label.path for matches in fitting.values() for label in matches)
        for channel, modality in _modalities(scans, match):
            try:
                files = _one_each(group, match, fitting)
                yield Scan(group.name, name, modality, form, match.path, channel, files)
            except BadScan as bad:
                yield Dropped.scan(group.name, name, modality, bad)


@dataclass(frozen=True)
class _LabelFiles:
    """Label files of a group, and those that some image has."""

    there: dict[str, Match] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def without_image(self, group: Group) -> Iterator[Dropped]:
        for path in sorted(self.there.keys() - self.used):
            subject, remedy = _subject_or_name(group, self.there[path]), "fetch the image, or ignore this label"
            yield Dropped(group.name, subject, reason="label without an image", remedy=remedy, file=path)


def _subject_or_name(group: Group, match: Match) -> str:
    try:
        return group.subject.format(**match.parts)
    except KeyError:
        return Path(match.path).name


def _label_patterns(group: Group) -> dict[str, str]:
    labels = group.labels
    return dict(labels.names) if isinstance(labels, FileLabels) else {"": labels.path}


def _by_parts(scans: Scans, text: str, paths: list[str]) -> tuple[frozenset[str], LabelIndex]:
    """The parts that a label pattern shares with the image pattern, and its files by the values of these."""
    names = Template(text, {}).names
    template = Template(text, {name: regex for name, regex in scans.template.parts.items() if name in names})
    shared = names & scans.template.names
    index: LabelIndex = defaultdict(list)
    for match in template.matches(paths):
        index[tuple(match.parts[name] for name in sorted(shared))].append(match)
    return shared, index


def _fitting(
    scans: Scans, image: Match, label_files: Mapping[str, tuple[frozenset[str], LabelIndex]]
) -> dict[str, list[Match]]:
    """The files of each label whose shared parts read as the image's do."""
    fitting = {}
    for name, (shared, index) in label_files.items():
        matches = index.get(tuple(image.parts[part] for part in sorted(shared)), [])
        if len(matches) > 1:  # two copies of the dataset side by side: each image has the label next to it
            matches = [match for match in matches if match.root == image.root] or matches
        fitting[name] = matches
    return fitting


def _one_each(group: Group, image: Match, fitting: Mapping[str, list[Match]]) -> dict[str, str]:
    """Label -> its file; raises BadScan where there is none or more than one."""
    absent_is_fine = isinstance(group.labels, FileLabels) and group.labels.missing == "absent"
    labels = {}
    for name, matches in fitting.items():
        if len(matches) == 1:
            labels[name] = matches[0].path
        elif matches:
            what = ", ".join(match.path for match in matches)
            raise BadScan(f"{len(matches)} label files fit: {what}", image.path, "keep one of them")
        elif not absent_is_fine:
            wanted = _label_patterns(group)[name].format_map(_Known(image.parts))
            reason = f"no label file{f' for {name}' if name else ''}: expected {wanted}"
            raise BadScan(reason, image.path, "fetch the label again, or add the scan to known_bad")
    return labels


class _Known(dict[str, str]):
    """Parts to fill in; one that the image does not name stays as it is."""

    def __missing__(self, key: str) -> str:
        return f"{{{key}}}"


def _modalities(scans: Scans, match: Match) -> Iterator[tuple[int | None, str]]:
    if scans.channels:
        yield from scans.channels.items()
    elif isinstance(scans.modality, dict):
        yield None, scans.modality[match.parts["modality"]]
    else:
        yield None, scans.modality


def _without_repeats(scans: Iterable[Scan]) -> tuple[list[Scan], list[Dropped]]:
    same: dict[tuple[str, str], list[Scan]] = defaultdict(list)
    for scan in scans:
        same[scan.subject, scan.modality].append(scan)
    unique = [found[0] for found in same.values() if len(found) == 1]
    repeats = [
        Dropped(
            scan.group,
            scan.subject,
            scan.modality,
            file=scan.image,
            remedy="remove all but one",
            reason=f"the subject is there {len(found)} times: {', '.join(other.image for other in found)}",
        )
        for found in same.values()
        if len(found) > 1
        for scan in found
    ]
    return unique, repeats


def _without_known_bad(group: Group, scans: list[Scan]) -> tuple[list[Scan], list[Dropped]]:
    good = [scan for scan in scans if scan.subject not in group.known_bad]
    bad = [
        Dropped(
            group.name, scan.subject, scan.modality, reason=group.known_bad[scan.subject], file=scan.image, known=True
        )
        for scan in scans
        if scan.subject in group.known_bad
    ]
    return good, bad


def _settle_known(group: Group, dropped: list[Dropped]) -> list[Dropped]:
    return [
        Dropped(**{**asdict(row), "known": True, "reason": group.known_bad[row.subject]})
        if row.subject in group.known_bad
        else row
        for row in dropped
    ]


def _missing_known_bad(group: Group, found: list[Scan | Dropped]) -> list[Dropped]:
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


def write(path: Path, root: Path, scans: list[Scan], dropped: list[Dropped]) -> None:
    """Keep the findings as JSON."""
    text = {"root": str(root), "scans": [asdict(scan) for scan in scans], "dropped": [asdict(row) for row in dropped]}
    with written_whole(path) as part:
        part.write_text(json.dumps(text, indent=1), encoding="utf-8")


def read(path: Path) -> tuple[Path, list[Scan], list[Dropped]]:
    """The dataset's folder and the findings that `write` kept."""
    text: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    scans = [Scan(**scan) for scan in text["scans"]]
    return Path(text["root"]), scans, [Dropped(**row) for row in text["dropped"]]
