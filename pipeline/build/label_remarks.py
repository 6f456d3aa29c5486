"""Remarks about label files: one row of the attrition report per group and kind, however many scans they concern."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pipeline.attrition import Dropped
from pipeline.labels.findings import Findings
from universeg.store import Pixels, Store, Task, subject_of

MOST_VALUES = 12  # that one row lists
CHECK_NOTE = "look at the contact sheet; if masks are wrong, correct the manifest or the files"
NAME_THEM = "give them a name in 'names', or list them in 'background' of the labels in the manifest"
LEAST_SUBJECTS = 3  # two masks may be equal by chance
_NUMBER = re.compile(r"\d[\d.]*")  # by which the notes of two files may differ


def remarks_of(group: str, findings: Findings) -> Iterator[Dropped]:
    """The rows for one scan, which `merged` joins; the reason in the row of a value is only the value."""
    for note, file in findings.notes:
        yield Dropped(group, "", reason=note, remedy=CHECK_NOTE, file=file, known=True)
    for (value, file), samples in findings.unnamed.items():
        yield Dropped(group, "", reason=str(value), remedy=NAME_THEM, file=file, samples=samples)


def merged(rows: Iterable[Dropped]) -> tuple[list[Dropped], list[Dropped]]:
    """The rows about scans and slices, and one row for each group and kind of remark."""
    about_scans: list[Dropped] = []
    notes: dict[tuple[str, str], list[Dropped]] = defaultdict(list)
    values: dict[str, dict[int, list[Dropped]]] = defaultdict(lambda: defaultdict(list))
    for row in sorted(set(rows)):  # several modalities of a scan have the same label file
        if row.subject or row.label:
            about_scans.append(row)
        elif row.samples:
            values[row.group][int(row.reason)].append(row)
        else:
            notes[row.group, _NUMBER.sub("", row.reason)].append(row)
    joined = [_joined_notes(same) for same in notes.values()]
    return about_scans, joined + [_joined_values(found) for found in values.values()]


def equal_masks(shards: Sequence[Path]) -> Iterator[Dropped]:
    """A remark for each label whose masks are the same in all images: they are probably not of these images."""
    stores = [Store(path) for path in shards]
    for name in sorted({task for store in stores for task in store.tasks}):
        masks, task = _masks(stores, name), Task.parse(name)
        first = next(masks, None)
        if all((other == first).all() for other in masks) and _subjects(stores, name) >= LEAST_SUBJECTS:
            reason = f"the mask of {task.label} is the same in all images of {task.modality}, axis {task.axis}"
            yield Dropped(task.group, "", reason=reason, remedy=CHECK_NOTE, known=True)


def _masks(stores: Sequence[Store], task: str) -> Iterator[Pixels]:
    """The masks of the middle slices of a task, one at a time, so that the first difference ends the reading."""
    for store in stores:
        for subject in store.subjects(task) if task in store.tasks else ():
            yield store.read(task, [subject])[1][0]


def _subjects(stores: Sequence[Store], task: str) -> int:
    return len({subject_of(name) for store in stores if task in store.tasks for name in store.subjects(task)})


def _joined_notes(same: Sequence[Dropped]) -> Dropped:
    if len({row.file for row in same}) == 1:
        return same[0]
    return replace(same[0], reason=f"{_files(same)}; in the first, {same[0].reason}")


def _files(rows: Sequence[Dropped]) -> str:
    count = len({row.file for row in rows})
    return f"{count} file{'s' * (count > 1)}"


def _joined_values(found: Mapping[int, Sequence[Dropped]]) -> Dropped:
    most = sorted(found.items(), key=lambda item: (-sum(row.samples for row in item[1]), item[0]))
    listed = ", ".join(
        f"{value} ({sum(row.samples for row in rows)} pixels in {_files(rows)})" for value, rows in most[:MOST_VALUES]
    )
    more = f" and {len(most) - MOST_VALUES} more" if len(most) > MOST_VALUES else ""
    samples = sum(row.samples for rows in found.values() for row in rows)
    reason = f"label files have values without a name, which count as background: {listed}{more}"
    return replace(most[0][1][0], reason=reason, samples=samples)
