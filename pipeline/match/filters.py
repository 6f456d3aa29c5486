"""Which of the scans that were found are used: no copies, no ambiguous subjects, no known bad scans, not too many."""

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from pipeline.attrition import Dropped
from pipeline.manifest.layout import Group
from pipeline.match.image_files import first_few
from pipeline.match.listing import Listing, same_content
from pipeline.match.scan_files import ScanFiles
from universeg.store import subject_of


def filter_scans(
    group: Group, found: Sequence[ScanFiles | Dropped], listed: Listing
) -> tuple[list[ScanFiles], list[Dropped]]:
    """The scans of a group to use, and a row for everything that is not used."""
    scans, copies = _without_copies(group, [result for result in found if isinstance(result, ScanFiles)], listed.root)
    scans, links = _without_links(scans, listed.root) if listed.has_links else (scans, [])
    scans, less_labelled = _most_labelled(group, scans)
    scans, repeats = _without_repeats(scans)
    scans, known_bad = _without_known_bad(group, scans)
    scans, surplus = _at_most(group, scans)
    problems = [result for result in found if isinstance(result, Dropped)]
    dropped = _mark_known([*problems, *links, *repeats], group) + known_bad + surplus + copies + less_labelled
    return scans, dropped + (_missing_known_bad(group, found) if found else [])


def _without_copies(group: Group, scans: list[ScanFiles], root: Path) -> tuple[list[ScanFiles], list[Dropped]]:
    """Drop byte-identical copies of a scan; the one nearest the root is kept. Some sources contain their tree twice."""
    kept: dict[tuple[str, str], list[ScanFiles]] = defaultdict(list)
    for scan in sorted(scans, key=lambda scan: (scan.images[0].count("/"), scan)):
        others = kept[scan.subject, scan.modality]
        if not any(_are_copies(scan, other, root) for other in others):
            others.append(scan)
    unique = sorted(scan for same in kept.values() for scan in same)
    reason = f"{len(scans) - len(unique)} scans are byte-identical copies and are left out"
    return unique, _remark(group, reason) if len(unique) < len(scans) else []


def _are_copies(one: ScanFiles, other: ScanFiles, root: Path) -> bool:
    """Whether two scans use the same part of different files with the same bytes."""
    if (one.channel, one.index, one.label_index) != (other.channel, other.index, other.label_index):
        return False
    files, other_files = _files(one), _files(other)
    if len(files) != len(other_files) or any(a == b for a, b in zip(files, other_files, strict=True)):
        return False
    return all(same_content(root / a, root / b) for a, b in zip(files, other_files, strict=True))


def _without_links(scans: list[ScanFiles], root: Path) -> tuple[list[ScanFiles], list[Dropped]]:
    """Drop scans that a link makes from the files of another subject: one image would count as two persons."""
    real = cache(os.path.realpath)
    start = f"{real(root)}/"

    def real_files(scan: ScanFiles) -> tuple[str, ...]:
        return tuple(real(root / file) for file in _files(scan))

    def is_linked(scan: ScanFiles) -> bool:
        return any(path != start + file for path, file in zip(real_files(scan), _files(scan), strict=True))

    first: dict[tuple[object, ...], ScanFiles] = {}
    rows = []
    for scan in sorted(scans, key=lambda scan: (is_linked(scan), scan)):
        part = (scan.modality, scan.channel, scan.index, scan.label_index)
        other = first.setdefault((real_files(scan), *part), scan)
        if scan.images != other.images and scan.subject != other.subject:
            reason = f"a link makes it from the files of {other.subject}, {first_few(other.images)}"
            remedy = "remove the link; or, if it is another person, replace the link by the file"
            rows.append(Dropped(scan.group, scan.subject, scan.modality, "", "", "", reason, remedy, scan.images[0]))
    dropped = {(row.subject, row.modality, row.file) for row in rows}
    return [scan for scan in scans if (scan.subject, scan.modality, scan.images[0]) not in dropped], rows


def _files(scan: ScanFiles) -> list[str]:
    return [*scan.images, *(file for name in sorted(scan.labels) for file in scan.labels[name])]


def _most_labelled(group: Group, scans: list[ScanFiles]) -> tuple[list[ScanFiles], list[Dropped]]:
    """Keep of each subject the scans with the most frequent value of the part `group.choose`, e.g. of one series.

    All scans here have labels, so this is the series that most labels belong to. Of values that are equally frequent
    all are kept; `_without_repeats` reports them if they give the same image twice.
    """
    if group.choose is None:
        return scans, []
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for scan in scans:
        counts[subject_of(scan.subject)][scan.parts[group.choose]] += 1
    kept = []
    for scan in scans:
        count = counts[subject_of(scan.subject)]
        if count[scan.parts[group.choose]] == max(count.values()):
            kept.append(scan)
    reason = f"{len(scans) - len(kept)} images whose {group.choose} has fewer labels are left out"
    return kept, _remark(group, reason) if len(kept) < len(scans) else []


def _without_repeats(scans: Iterable[ScanFiles]) -> tuple[list[ScanFiles], list[Dropped]]:
    """Drop every scan whose subject and modality another scan has too: which one is right is unknown."""
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
            remedy="remove all but one; or tell the images of a subject apart with `frame` in the manifest",
            reason=f"the subject has {len(found)} images: {first_few([other.images[0] for other in found])}",
        )
        for found in same.values()
        if len(found) > 1
        for scan in found
    ]
    return unique, repeats


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


def _at_most(group: Group, scans: list[ScanFiles]) -> tuple[list[ScanFiles], list[Dropped]]:
    """Keep at most `group.most_frames` scans of each subject and modality, spread evenly over its frames."""
    if group.most_frames is None:
        return scans, []
    frames: dict[tuple[str, str], list[ScanFiles]] = defaultdict(list)
    for scan in sorted(scans):
        frames[subject_of(scan.subject), scan.modality].append(scan)
    kept = [found[i] for found in frames.values() for i in _spread(len(found), group.most_frames)]
    reason = f"{len(scans) - len(kept)} frames beyond {group.most_frames} of a subject are left out"
    return kept, _remark(group, reason) if len(kept) < len(scans) else []


def _spread(count: int, most: int) -> list[int]:
    return sorted({round(float(position)) for position in np.linspace(0, count - 1, min(most, count))})


def _mark_known(dropped: Iterable[Dropped], group: Group) -> list[Dropped]:
    """The rows, where those of a scan in `known_bad` are marked as known and take the reason from there."""
    return [
        replace(row, known=True, reason=group.known_bad[row.subject]) if row.subject in group.known_bad else row
        for row in dropped
    ]


def _missing_known_bad(group: Group, found: Iterable[ScanFiles | Dropped]) -> list[Dropped]:
    subjects = {result.subject for result in found}
    return [
        Dropped(
            group.name,
            subject,
            reason="known_bad names this scan, but it is not there",
            remedy="correct known_bad, or check that the copy is complete",
        )
        for subject in sorted(group.known_bad.keys() - subjects)
    ]


def _remark(group: Group, reason: str) -> list[Dropped]:
    """A row about the whole group that the manifest announces."""
    return [Dropped(group.name, "", reason=reason, known=True)]
