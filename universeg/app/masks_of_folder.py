"""The masks that a folder already has, taken over as finished examples when it is opened first. No torch here."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from universeg.app.folder import Entry
from universeg.app.session import Session
from universeg.app.state import MOST_LABELS, Slice
from universeg.imageio.image import LoadedImage, extended
from universeg.prediction.labels import Label, colour, labels_of
from universeg.prediction.planes import drawn_plane
from universeg.prediction.sources import check_pair, loaded_labels

LOOKED_AT = 5  # masks that are read to find the plane of volumes


def import_masks(session: Session, advance: Callable[[int, int], None]) -> None:
    """Copy the masks into the session. The folder's own files stay as they are.

    A mask that cannot be used is a note of the session; the others are taken. As in prediction, masks with one value
    each are one structure, unless the values have names; many values in a mask are single objects of one structure.
    """
    entries = [entry for entry in session.folder.entries.values() if entry.masks]
    values, several, volumes = dict[str, set[int]](), False, list[LoadedImage]()
    for number, entry in enumerate(entries):
        advance(number, 2 * len(entries))
        try:
            labels = _labels(entry)
        except (ValueError, OSError, MemoryError) as error:
            session.notes.append(f"{entry.title}: its mask cannot be used: {error}")
            continue
        found = {int(value) for value in np.unique(labels.values)} - {0}
        values[entry.key] = found if len(found) <= MOST_LABELS and max(found, default=0) < 256 else {1}
        several = several or len(values[entry.key]) > 1
        volumes += [labels] if labels.is_volume and len(volumes) < LOOKED_AT else []
    every = set[int]().union(*values.values())
    as_one = not several and not every <= session.folder.known.keys()
    if volumes:
        session.settings = replace(session.settings, axis=drawn_plane(volumes).axis)
    for number, entry in enumerate(entries):
        advance(len(entries) + number, 2 * len(entries))
        if entry.key in values:
            _take(session, entry, values[entry.key], as_one)
    with session.lock:
        if every and not as_one:
            named = {n: Label(n, name, colour(n - 1)) for n, name in enumerate(_structures(entries), 1)}
            session.labels = [*labels_of(every, {**session.folder.known, **named})]
        session.imported = True
        session.examples_number += 1
        session.save()
        session.touch(*session.states)


def _take(session: Session, entry: Entry, values: set[int], as_one: bool) -> None:
    try:
        view = session.view(entry.key)
        labels = extended(_labels(entry), view.colours)
        check_pair(replace(view.colours, values=view.grey("luminance").values), labels)
    except (ValueError, OSError, MemoryError) as error:
        session.notes.append(f"{entry.title}: its mask cannot be used: {error}")
        return
    own: NDArray[np.generic] = labels.values if not as_one and values != {1} else labels.values != 0
    for row, plane in view.slices_of(own).items():
        session.files.write("masks", entry.key, row, plane.astype(np.uint8))
        session.states[entry.key].slices[row] = Slice(done=True, example=True)


def _labels(entry: Entry) -> LoadedImage:
    several = len(entry.masks) > 1 or bool(entry.structures)
    return loaded_labels(entry.masks if several else entry.masks[0], entry.title, bool(entry.structures))


def _structures(entries: list[Entry]) -> tuple[str, ...]:
    return next((entry.structures for entry in entries if entry.structures), ())
