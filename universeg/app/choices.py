"""What a person chooses for a whole folder or image: labels, how images are read, what to accept. No torch here."""

from dataclasses import replace

import numpy as np

from universeg.app.session import MOST_FAR, Conflict, Session
from universeg.app.state import FIRST_DRAFT, Better
from universeg.episodes.lever_flags import Effort
from universeg.prediction.labels import Label
from universeg.prediction.settings import Settings


def set_labels(session: Session, labels: list[Label]) -> None:
    """Raises Conflict if a label that is removed is in a mask."""
    removed = {label.value for label in session.labels} - {label.value for label in labels}
    users = [key for key in session.states if removed and _uses(session, key, removed)]
    if users:
        raise Conflict(f"the label is used in {session.entry(users[0]).title}; erase it there first")
    with session.lock:
        if {label.value for label in labels} != {label.value for label in session.labels}:
            session.examples_number += 1
        session.labels = labels
        session.save()
        session.touch()


def set_settings(session: Session, settings: Settings) -> None:
    """Raises Conflict if the plane of slices changes although masks are painted in it."""
    with session.lock:
        if settings.axis != session.settings.axis:
            if any(state.volume and state.slices for state in session.states.values()):
                raise Conflict("masks are painted in the present plane; it cannot change")
            for key, state in session.states.items():
                for row in state.drafts:
                    session.files.delete("drafts", key, row)
                session.states[key] = replace(state, drafts={}, count=None)
        session.settings, session.kind_is_chosen = settings, True
        session.examples_number += 1
        session.save()
        session.touch(*session.states)


def accept_drafts(session: Session, key: str) -> int:
    """All drafts of an image become the person's masks; how many these were."""
    with session.lock:
        rows = [row for row in session.states[key].drafts if row not in session.states[key].slices]
    for row in rows:
        session.mark(key, row, done=True, example=False)
    return len(rows)


def want_better(session: Session, effort: Effort | None) -> None:
    """Find what improves the results of the examples; None stops that, and quick forgets what was found.

    Raises Conflict if there are too few examples.
    """
    with session.lock:
        if effort in ("normal", "best") and len(session.examples()) < FIRST_DRAFT:
            raise Conflict(f"this needs {FIRST_DRAFT} examples")
        if effort in ("normal", "best") and not session.can_measure():
            raise Conflict(f"this needs {MOST_FAR} slices of a volume, or slices of two volumes")
        session.trial = []
        session.wishes.better = None if effort == "quick" else effort
        if effort == "quick":
            keep_better(session, None)
        session.touch()


def keep_better(session: Session, better: Better | None) -> None:
    """Use what was found from the next draft on; None goes back to one pass."""
    with session.lock:
        session.wishes.better = None
        if better != session.better:
            session.better = better
            session.examples_number += 1
            session.save()
        session.touch(*session.states)


def _uses(session: Session, key: str, values: set[int]) -> bool:
    """Whether a mask of the person has one of these values."""
    rows = [*session.states[key].slices]
    shape = session.view(key).shape if rows else (0, 0)
    masks = (session.files.read("masks", key, row, shape) for row in rows)
    return any(mask is not None and bool(np.isin(mask, [*values]).any()) for mask in masks)
