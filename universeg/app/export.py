"""Writes all masks as files, by the writers of `universeg predict`, and a table of measurements. No torch here."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from universeg.app.folder import Entry
from universeg.app.session import Session
from universeg.app.view import View
from universeg.prediction.label_files import write_label_files
from universeg.prediction.labels import Label
from universeg.prediction.measure import measured
from universeg.prediction.report.csv_file import write_csv
from universeg.prediction.report.result import Result
from universeg.prediction.results import result_labels, write_label_maps

FORMATS = ("auto", "nifti", "nrrd", "mha", "png", "tiff", "seg")
FOLDER = "export"


def export(
    session: Session, form: str, with_drafts: bool, advance: Callable[[int, int], None] = lambda done, total: None
) -> list[Result]:
    """Write NAME_mask for each image with a mask of the person, or with a draft if `with_drafts`; what came of each.

    The files are in universeg-page/export of the opened folder, with labels.json and measurements.csv. An image that
    cannot be written gets an `error`; the others are written.
    """
    folder, labels = session.folder.own / FOLDER, tuple(session.labels)
    files = [(name, list(some)) for name, some in groupby(session.folder.entries.values(), lambda one: one.query.name)]
    results = list[Result]()
    for number, (name, entries) in enumerate(files):
        advance(number, len(files))
        if any([*_rows(session, entry, with_drafts)] for entry in entries):
            results.append(_written(session, folder, name, entries, labels, form, with_drafts))
    if not results:
        raise ValueError("there is no mask to export yet")
    write_csv(folder / "measurements.csv", results)
    done = next((Path(result.mask) for result in results if not result.error), None)
    if done is not None:
        write_label_files(folder, result_labels(labels, done.suffix))
    return results


def _written(
    session: Session,
    folder: Path,
    name: str,
    entries: Sequence[Entry],
    labels: Sequence[Label],
    form: str,
    with_drafts: bool,
) -> Result:
    """The mask of one file, with all its frames."""
    path = str(entries[0].query.path)
    try:
        maps = list[NDArray[np.uint8]]()
        for entry in entries:
            view = session.view(entry.key)
            maps.append(_numbers(_values(session, entry, view, with_drafts), labels))
        scan = replace(view.colours, values=maps[-1])  # the writers need its place and its file only
        files = entries[0].query.files
        mask = write_label_maps(folder, name, maps, scan, labels, form, files)
        measures = measured(maps, scan, [label.name for label in labels], view.axis)
    except (ValueError, OSError, MemoryError) as error:
        return Result(path, error=str(error) or "there is not enough memory for it")
    return Result(path, mask=str(mask), shape=maps[0].shape, measures=measures, warnings=_unfinished(session, entries))


def _values(session: Session, entry: Entry, view: View, with_drafts: bool) -> NDArray[np.uint8]:
    slices = {row: session.mask(entry.key, row).values for row in _rows(session, entry, with_drafts)}
    return view.own_map(slices)


def _rows(session: Session, entry: Entry, with_drafts: bool) -> Iterator[int]:
    state = session.states[entry.key]
    yield from sorted({*state.slices, *state.drafts} if with_drafts else state.slices)


def _numbers(values: NDArray[np.uint8], labels: Sequence[Label]) -> NDArray[np.uint8]:
    """Of values of labels, which label each is: 0 outside, n for the n-th."""
    table = np.zeros(256, np.uint8)
    for number, label in enumerate(labels, 1):
        table[label.value] = number
    return table[values]


def _unfinished(session: Session, entries: Sequence[Entry]) -> tuple[str, ...]:
    """What a reader of the table must know: which masks no person has accepted."""
    drafts = open_ = 0
    for entry in entries:
        state = session.states[entry.key]
        drafts += sum(row not in state.slices for row in state.drafts)
        open_ += sum(not part.done for part in state.slices.values())
    told = [f"{drafts} masks are drafts that nobody accepted"] * bool(drafts)
    return (*told, *[f"{open_} masks were painted and not accepted"] * bool(open_))


def check_format(session: Session, form: str) -> None:
    """Raises ValueError for an unknown format, and for DICOM SEG without DICOM files, before anything is written."""
    if form not in FORMATS:
        raise ValueError(f"the format is one of {', '.join(FORMATS)}, not {form!r}")
    if form == "seg" and not any(entry.query.series for entry in session.folder.entries.values()):
        raise ValueError("DICOM SEG is for DICOM series, and this folder has none; choose another format")
