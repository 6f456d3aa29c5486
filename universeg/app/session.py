"""One opened folder: its labels, masks, drafts and examples. Every change is on disk before it is answered.

Safe to use from several threads. No torch here.
"""

import threading
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from universeg.app.folder import Entry, Folder
from universeg.app.images import Images
from universeg.app.saved import SavedFiles
from universeg.app.state import (
    Draft,
    Slice,
    Wishes,
    checked_labels,
    checked_settings,
    default_labels,
    packed,
    read_better,
    unpacked,
)
from universeg.app.view import View
from universeg.prediction.check.checkup import Checkup

MOST_FAR = 8  # slices of one volume from which on they are near to one another
LOWEST_OF_MR = -200.0  # a volume with lower values has Hounsfield units

Labels = NDArray[np.uint8]
Source = Literal["yours", "draft", "none"]


class Conflict(ValueError):
    """A change that does not fit what happened meanwhile, for example in another window."""


@dataclass(frozen=True)
class Mask:
    """The mask of one slice as the page shows it."""

    values: Labels  # (h, w) of label values
    source: Source
    revision: int  # 0 if it is not the person's


class Session:
    """The state of one folder. `changed` is notified after each change; `version` counts them."""

    def __init__(self, folder: Folder) -> None:
        self.folder, self.images = folder, Images()
        self.files = SavedFiles(folder.own)
        saved = self.files.read_state()
        self.states = unpacked(saved, self.files, folder)
        self.labels = checked_labels(saved["labels"]) if "labels" in saved else default_labels(folder.known)
        self.settings = checked_settings(saved.get("settings", {}))
        self.examples_number = int(saved.get("examples_number", 0))
        self.imported = bool(saved.get("imported", False)) or not any(e.masks for e in folder.entries.values())
        self.kind_is_chosen = bool(saved.get("kind_is_chosen", False))
        self.better = read_better(saved.get("better"))
        self.trial = list[str]()  # what is known so far of what improves results
        self.notes = [*folder.notes]  # for people
        self.wishes = Wishes()
        self.checkup = Checkup()
        self.checked = -1  # the number of the set of examples that `checkup` is about
        self.version = 1
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)

    def entry(self, key: str) -> Entry:
        """Raises KeyError for a name that is not in the list: no other file can be reached."""
        return self.folder.entries[key]

    def view(self, key: str) -> View:
        """The image. Raises ImageError if it cannot be read, and remembers why."""
        entry, state = self.entry(key), self.states[key]
        try:
            view = self.images.view(entry, self.settings.axis)
        except (ValueError, OSError, MemoryError) as error:
            self.note_error(key, error)
            raise
        if state.count != view.count:
            with self.lock:
                state.count, state.volume = view.count, view.axis is not None
                self._guess_kind(view)
                self.touch(key)
        return view

    def mask(self, key: str, row: int) -> Mask:
        """The person's mask of a slice, else the draft, else an empty one."""
        view, state = self.view(key), self.states[key]
        view.check_row(row)
        with self.lock:
            own = state.slices.get(row)
            source: Source = "yours" if own else "draft" if row in state.drafts else "none"
            found = None if source == "none" else self.files.read("masks" if own else "drafts", key, row, view.shape)
            if found is None:
                return Mask(np.zeros(view.shape, np.uint8), "none", own.revision if own else 0)
            return Mask(found, source, own.revision if own else 0)

    def save_mask(self, key: str, row: int, values: Labels, revision: int) -> int:
        """Keep what the person painted, and return its new revision.

        Raises Conflict if the mask is no longer the one that was painted on (`revision`), ValueError for wrong values.
        """
        view = self.view(key)
        view.check_row(row)
        if values.shape != view.shape:
            raise ValueError(f"expected a mask of {view.shape}, got {values.shape}")
        if not np.isin(np.unique(values), [0, *(label.value for label in self.labels)]).all():
            raise ValueError("the mask has values that are no labels")
        with self.lock:
            self._check_ready()
            state = self.states[key]
            own = state.slices.get(row)
            if revision != (own.revision if own else 0):
                raise Conflict("this mask was changed in another window; it is shown again as it is now")
            state.slices[row] = replace(own, revision=revision + 1) if own else Slice()
            self._note_example(own)
            self.save()
            self.files.write("masks", key, row, values)
            self.touch(key)
            return state.slices[row].revision

    def mark(self, key: str, row: int, done: bool, example: bool) -> None:
        """Accept a slice, or take it back. A draft becomes the person's mask; without one, an empty mask does."""
        mask = self.mask(key, row)
        with self.lock:
            self._check_ready()
            state = self.states[key]
            own = state.slices.get(row)
            if own is None:
                if not done:
                    return
                self.files.write("masks", key, row, mask.values)
                own = Slice()
            new = replace(own, done=done, example=example and done)
            if own.example != new.example:
                self.examples_number += 1
            state.slices[row] = new
            self.save()
            self.touch(key)

    def clear(self, key: str, row: int) -> None:
        """Forget the person's mask of a slice; its draft is shown again."""
        with self.lock:
            self._check_ready()
            own = self.states[key].slices.pop(row, None)
            if own is None:
                return
            self._note_example(own)
            self.save()
            self.files.delete("masks", key, row)
            self.touch(key)

    def keep_draft(self, key: str, row: int, values: Labels, draft: Draft) -> None:
        """Keep a new draft. The caller saves the session."""
        with self.lock:
            self.files.write("drafts", key, row, values)
            self.states[key].drafts[row] = draft
            self.touch(key)

    def keep_checkup(self, checkup: Checkup, number: int) -> None:
        """What the examples say of one another; `number` is that of the set of examples."""
        with self.lock:
            self.checkup, self.checked = checkup, number
            self.touch(*self.states)

    def look_at(self, key: str, row: int) -> None:
        """Make the draft of this slice next. Raises KeyError for an unknown image."""
        self.entry(key)
        with self.lock:
            self.wishes.focus = key, row
            self.changed.notify_all()

    def segment_rest(self, wanted: bool = True) -> None:
        """Make drafts of all slices that have no mask; or stop that, and keep those that there are."""
        with self.lock:
            self.wishes.rest = tuple(key for key, state in self.states.items() if wanted and not state.error)
            self.wishes.asked = len(self.wishes.rest)
            self.touch()

    def note_error(self, key: str, error: Exception) -> None:
        """Remember why an image cannot be used."""
        with self.lock:
            if not self.states[key].error:
                self.states[key].error = str(error) or "there is not enough memory for it"
                self.touch(key)

    def skip(self, key: str) -> None:
        """Make no draft of an image until the examples change."""
        with self.lock:
            self.states[key].skipped = self.examples_number
            self.touch(key)

    def examples(self) -> list[tuple[str, int, int]]:
        """Key, slice and revision of each example."""
        with self.lock:
            return [
                (key, row, part.revision)
                for key, state in self.states.items()
                for row, part in sorted(state.slices.items())
                if part.example
            ]

    def can_measure(self) -> bool:
        """Whether the examples say something of one another. A few slices of one volume do not: they lie far apart."""
        examples = self.examples()
        images = {key for key, *_ in examples}
        return len(examples) >= MOST_FAR or len(images) > 1 or not any(self.states[key].volume for key in images)

    def needs_draft(self, key: str, row: int) -> bool:
        """Whether a slice has no mask of the person, and no draft of the present examples."""
        state, number = self.states[key], self.examples_number
        draft = state.drafts.get(row)
        possible = not state.error and state.skipped != number and row not in state.slices
        return possible and (draft is None or draft.examples != number)

    def save(self) -> None:
        """Write session.json."""
        with self.lock:
            rest: dict[str, Any] = {"examples_number": self.examples_number, "imported": self.imported}
            rest |= {"kind_is_chosen": self.kind_is_chosen, "better": asdict(self.better) if self.better else None}
            self.files.write_state(packed(self.settings, self.labels, self.states, **rest))

    def touch(self, *keys: str) -> None:
        """Note that these images, or the session as a whole, changed."""
        with self.lock:
            self.version += 1
            for key in keys:
                self.states[key].changed = self.version
            self.changed.notify_all()

    def _note_example(self, own: Slice | None) -> None:
        if own is not None and own.example:
            self.examples_number += 1

    def _guess_kind(self, view: View) -> None:
        """The first volume says how intensities are read, until the person chooses: Hounsfield units, or MRI."""
        if view.axis is not None and not self.kind_is_chosen:
            kind: Literal["ct", "mr"] = "ct" if view.ends[0] < LOWEST_OF_MR else "mr"
            self.settings, self.kind_is_chosen = replace(self.settings, intensity=kind), True

    def _check_ready(self) -> None:
        if not self.imported:
            raise Conflict("the masks of the folder are being read; wait a moment")
