"""Mistakes in a manifest that its schema cannot find: unknown names, and facts that contradict each other."""

from collections.abc import Iterator

from pipeline.manifest.expected_counts import tasks
from pipeline.manifest.layout import Group, ScanPattern
from pipeline.manifest.schema import Manifest
from pipeline.readers import ARRAYS, READERS


def problems(manifest: Manifest) -> Iterator[str]:
    """Each problem in one sentence."""
    for group in manifest.groups:
        yield from (f"{group.name}: {problem}" for problem in _group_problems(group))
    if manifest.table3 and None not in (totals := [group.expect.scans for group in manifest.main_groups]):
        total = sum(n for n in totals if n is not None)
        if total != manifest.table3.scans and not manifest.table3.differs:
            yield f"expects {total} scans, but Table 3 has {manifest.table3.scans}: give the reason in table3.differs"
    builder, found = manifest.table3 and manifest.table3.tasks, tasks(manifest)
    if manifest.table3 and builder not in (None, found) and not manifest.table3.tasks_differ:
        yield f"has {found} tasks, but table3.tasks is {builder}: give the reason in tasks_differ"


def _group_problems(group: Group) -> Iterator[str]:
    labels = group.labels
    readers = {(form.reader, form.array) for form in group.scans} | {(labels.reader, labels.array)}
    for reader, array in sorted(readers, key=str):
        if reader is not None and reader not in READERS:
            yield f"unknown reader {reader!r}; known: {', '.join(READERS)}"
        if (reader in ARRAYS) != (array is not None) and reader is not None:
            yield f"reader {reader!r} {'needs' if reader in ARRAYS else 'does not use'} the key 'array'"
    for form in group.scans:
        yield from _scan_problems(group, form)


def _scan_problems(group: Group, form: ScanPattern) -> Iterator[str]:
    if form.frames is not None and group.frame is None:
        yield f"{form.image!r} has several frames per file: distinguish them, for example with frame: '{{index}}'"
    if form.stack and form.reader == "raster" and not (form.orientation and form.spacing):
        yield f"{form.image!r} is a stack of pictures, which have no position: give 'orientation' and 'spacing'"
    if group.labels.frames != "one" and form.frames is None:
        yield f"the labels have 'frames', but the images {form.image!r} do not: give it to both, or to none"
    if group.most_frames is not None and group.frame is None:
        yield "'most_frames' has no effect without 'frame': give both, or none"
