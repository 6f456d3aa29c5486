"""Makes the drafts of slices of one image from the examples of a session."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from universeg.app.state import FIRST_DRAFT
from universeg.app.supports import Supports, farther
from universeg.prediction.check.confidence import sureness
from universeg.prediction.check.query_doctor import answer_findings
from universeg.prediction.segmenter import FewShot, Segmenter
from universeg.prediction.settings import Settings

CHAIN = 8  # slices of a volume that are segmented at once, each with the help of the one before


@dataclass(frozen=True)
class Made:
    """The draft of one slice."""

    row: int
    values: NDArray[np.uint8]  # of labels, as the page shows the slice
    sureness: float
    doubts: tuple[str, ...]  # what is probably wrong with a picture, or odd about its draft


def make_drafts(
    model: FewShot,
    supports: Supports,
    key: str,
    rows: Sequence[int],
    settings: Settings,
    advance: Callable[[], None],
) -> list[Made] | None:
    """The drafts of these slices, in this order; None if there are too few examples of this kind of image.

    With `settings.propagate`, each slice helps the next. Raises ImageError if the image cannot be used, and what
    `advance` raises, which is called after each slice.
    """
    plain = replace(settings, propagate=False)  # the same images and examples serve with and without
    whole, view = supports.image(key, plain), supports.session.view(key)
    examples = supports.examples(plain, whole)
    if len(examples.images) < FIRST_DRAFT:
        return None
    query = replace(whole, rows=whole.rows[rows], images=whole.images[rows])
    far = farther(examples, float(query.heights.mean()))
    found = Segmenter(model, examples, settings).segment(query, far, advance)
    doubts = list[str]()
    if whole.axis is None:
        found_first = supports.doctor(examples).findings(query)
        doubts = [*map(str, [*found_first, *answer_findings(found.winners, examples.images)])]
    values = np.array([0, *(label.value for label in found.labels)], np.uint8)
    made = list[Made]()
    for at, row in enumerate(rows):
        part = slice(at, at + 1)
        mask = np.asarray(view.to_page(values[found.values_of(at)]), np.uint8)
        made.append(Made(row, mask, sureness(found.probability[:, part], found.winners[part]), tuple(doubts)))
    return made


def chain(rows: Sequence[int], own: Sequence[int], drafted: Collection[int] = ()) -> list[int]:
    """Some of the slices to segment, in a line away from the painted slice `own` that is nearest to any of them.

    The line begins with the slice before them if it is in `drafted`, so that the chain is not broken.
    """
    if not own:
        return [*rows[:CHAIN]]
    nearest = {row: min((abs(row - at), at) for at in own) for row in rows}
    first = min(rows, key=lambda row: nearest[row])
    start = nearest[first][1]
    step = 1 if first > start else -1
    line = [first]
    while len(line) < CHAIN and line[-1] + step in nearest and nearest[line[-1] + step][1] == start:
        line.append(line[-1] + step)
    return [first - step, *line] if first - step in drafted else line
