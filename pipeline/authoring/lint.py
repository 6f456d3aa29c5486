"""What is wrong with a manifest that its schema cannot see: unknown names, facts that contradict each other."""

from collections.abc import Iterator

from pipeline.manifest.layout import Group, ScanPattern
from pipeline.manifest.schema import Manifest
from pipeline.readers import READERS

IN_ARRAYS = {"matlab", "hdf5"}


def problems(manifest: Manifest) -> Iterator[str]:
    """Each in a sentence."""
    for group in manifest.groups:
        yield from (f"{group.name}: {problem}" for problem in _of_group(group))
    if manifest.table3 and None not in (totals := [group.expect.scans for group in manifest.main_groups]):
        total = sum(n for n in totals if n is not None)
        if total != manifest.table3.scans and not manifest.table3.differs:
            yield f"expects {total} scans, Table 3 has {manifest.table3.scans}: say why in table3.differs"


def _of_group(group: Group) -> Iterator[str]:
    labels = group.labels
    readers = {(form.reader, form.array) for form in group.scans} | {(labels.reader, labels.array)}
    for reader, array in sorted(readers, key=str):
        if reader is not None and reader not in READERS:
            yield f"no code for reader {reader!r}; known: {', '.join(READERS)}"
        if (reader in IN_ARRAYS) != (array is not None) and reader is not None:
            yield f"reader {reader!r} {'needs' if reader in IN_ARRAYS else 'has no use for'} 'array'"
    for form in group.scans:
        yield from _of_form(group, form)


def _of_form(group: Group, form: ScanPattern) -> Iterator[str]:
    if form.frames is not None and group.frame is None:
        yield f"{form.image!r} has several frames in a file: name them, as in frame: '{{index}}'"
    if form.stack and form.reader == "raster" and not (form.orientation and form.spacing):
        yield f"{form.image!r}: pictures do not say how they lie: give 'orientation' and 'spacing'"
    if group.labels.frames != "one" and form.frames is None:
        yield f"labels have frames, but {form.image!r} has none"
    if group.most_frames is not None and group.frame is None:
        yield "most_frames has no meaning without 'frame'"
