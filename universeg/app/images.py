"""Reads images and keeps the last few in memory, within a bound. No torch here."""

import threading
from collections import OrderedDict

from universeg.app.folder import Entry
from universeg.app.view import View, read_view
from universeg.prediction.settings import Axis

MOST_BYTES = 128 << 20  # of images in memory; one larger image is kept alone


class Images:
    """The images of a folder, as views. Safe to use from several threads; an image is read once at a time."""

    def __init__(self) -> None:
        self._views = OrderedDict[tuple[str, Axis | None], View]()
        self._lock = threading.RLock()

    def view(self, entry: Entry, axis: Axis | None) -> View:
        """Raises ImageError, which names the file, if the image cannot be read."""
        with self._lock:
            view = self._views.pop((entry.key, axis), None)
            if view is None:
                self._make_room(0)
                view = read_view(entry, axis)
            self._views[entry.key, axis] = view
            self._make_room(1)
            return view

    def _make_room(self, kept: int) -> None:
        """Forget the images that were used longest ago; at least `kept` stay."""
        while len(self._views) > kept and sum(view.bytes for view in self._views.values()) > MOST_BYTES:
            self._views.popitem(last=False)
