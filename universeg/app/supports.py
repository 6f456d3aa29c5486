"""The examples of a session as prediction takes them: one slice each, of pictures and of volumes alike.

No torch here.
"""

from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from universeg.app.session import Session
from universeg.prediction.check.query_doctor import QueryDoctor
from universeg.prediction.examples import Examples
from universeg.prediction.labels import Label
from universeg.prediction.preprocess import PreparedImage, one_slice, preprocess
from universeg.prediction.settings import Settings
from universeg.standardise.resample import Grid

SHOWN = 16  # examples that a slice of a volume is shown: those nearest in relative height
KEPT_BYTES = 1 << 26  # of prepared images, with the matrices of their grids
MATRICES = 3  # of each axis, that a grid keeps: to the network's grid for images and for masks, and back

Key = tuple[str, int]


class Supports:
    """Prepares images and examples, and keeps those that did not change."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._images = OrderedDict[tuple[str, Settings], PreparedImage]()
        self._examples = dict[Key, tuple[int, Settings, PreparedImage]]()
        self._doctor = QueryDoctor(())

    def image(self, key: str, settings: Settings) -> PreparedImage:
        """All slices of an image. Raises ImageError if it cannot be read or has no contrast."""
        found = self._images.pop((key, settings), None)
        if found is None:
            view = self.session.view(key)
            found = preprocess(view.grey(settings.channel), replace(settings, axis=view.axis))
        self._images[key, settings] = found
        while len(self._images) > 1 and sum(map(_bytes, self._images.values())) > KEPT_BYTES:
            self._images.popitem(last=False)
        return found

    def examples(self, settings: Settings, like: PreparedImage, every: bool = False) -> Examples:
        """The examples for an image: all slices of its kind; unless `every`, without those that make results worse."""
        now, better = self.session.examples(), self.session.better
        left_out = better.left_out if better and not every else ()
        all_kinds = [self._example(key, row, revision, settings) for key, row, revision in now]
        prepared = [one for one in all_kinds if one.axis == like.axis and one.name not in left_out]
        for gone in self._examples.keys() - {(key, row) for key, row, _ in now}:
            del self._examples[gone]
        return Examples(tuple(prepared), _present(prepared, self.session.labels))

    def doctor(self, examples: Examples) -> QueryDoctor:
        """Compares images with these examples; the same one as long as the examples are the same."""
        known, now = self._doctor.support, examples.images
        if len(known) != len(now) or any(one is not other for one, other in zip(known, now, strict=True)):
            self._doctor = QueryDoctor(now)
        return self._doctor

    def _example(self, key: str, row: int, revision: int, settings: Settings) -> PreparedImage:
        known = self._examples.get((key, row))
        if known is not None and known[:2] == (revision, settings):
            return known[2]
        whole, view = self.image(key, settings), self.session.view(key)
        at = int(np.flatnonzero(whole.rows == row)[0])
        one = one_slice(whole, at, view.to_own(self.session.mask(key, row).values))
        # A new grid, since the matrices that the old one keeps are large.
        grid = Grid(one.grid.shape, one.grid.spacing, one.grid.size)
        place = f"{self.session.entry(key).title}, slice {row + 1}" if one.axis is not None else one.name
        self._examples[key, row] = revision, settings, replace(one, grid=grid, name=place)
        return self._examples[key, row][2]


def farther(examples: Examples, height: float) -> Collection[int]:
    """The examples that a slice of a volume at this relative height is not shown."""
    if examples.images[0].axis is None:
        return ()
    away = [abs(float(one.heights[0]) - height) for one in examples.images]
    return {int(at) for at in np.argsort(away, kind="stable")[SHOWN:]}


def _bytes(image: PreparedImage) -> int:
    """Memory that it takes. The matrices of a picture's grid are over a hundred times larger than its pixels."""
    matrices = MATRICES * np.float32().nbytes * image.grid.size * sum(image.grid.shape)
    return image.images.nbytes + matrices


def _present(images: Sequence[PreparedImage], labels: Sequence[Label]) -> tuple[Label, ...]:
    """The labels that at least one example has; all of them if none has any."""
    values = {int(value) for image in images if image.labels is not None for value in np.unique(image.labels)}
    return tuple(label for label in labels if label.value in values) or tuple(labels)
