"""The thread that makes drafts: of the slice in view first, then of the next ones, then of the rest on request.

It also finds out what the examples say of one another. Whatever it does is given up after at most one slice if the
examples change, or if another slice comes into view.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import torch

from universeg.app.drafts import chain, make_drafts
from universeg.app.improving import Networks
from universeg.app.session import Session
from universeg.app.state import FIRST_DRAFT, Draft, Progress
from universeg.app.supports import Key, Supports
from universeg.base.threads import Processors
from universeg.prediction.check.checkup import Checkup, check_up
from universeg.prediction.check.findings import Finding
from universeg.prediction.predict import as_trained, ready
from universeg.prediction.segmenter import Segmenter
from universeg.prediction.settings import Settings

AHEAD = 2  # slices after the one in view whose drafts are made before they are looked at
SAVE_EVERY = 2.0  # seconds between writes of the session while drafts are made
QUIET = 0.4  # seconds without a change of the examples before they are checked
UNUSABLE = (ValueError, OSError, MemoryError)  # what a bad image raises

STARTED = Processors.now()


class Superseded(Exception):
    """The work is no longer wanted."""


class Worker(threading.Thread):
    """Makes drafts for one session until it is stopped."""

    def __init__(self, session: Session, weights: Path, device: str) -> None:
        super().__init__(name="drafts", daemon=True)
        self.session, self.weights, self.device = session, weights, device
        self.work = Progress("loading the network")
        self.stopped = False
        self._supports = Supports(session)
        self._prepared: tuple[str, Settings] | None = None
        self._saved = time.monotonic()

    def stop(self) -> None:
        """End the thread after the present slice."""
        with self.session.lock:
            self.stopped = True
            self.session.changed.notify_all()

    def run(self) -> None:
        """The thread's loop. A failure is shown on the page, since without this thread there are no drafts."""
        try:
            networks = Networks(self.session, ready(self.weights, self.device), self.device)
            torch.set_num_threads(min(torch.get_num_threads(), Processors.now().free_since(STARTED)))
            self._say()
            while not self.stopped:
                with self.session.lock:
                    seen = self.session.version
                if self._step(networks):
                    continue
                self._save(at_once=True)
                with self.session.lock:
                    if self.session.version == seen and not self.stopped:
                        self.session.changed.wait(timeout=5)
        except (*UNUSABLE, RuntimeError) as error:
            with self.session.lock:
                self.work = Progress(problem=str(error) or type(error).__name__)
                self.session.touch()

    def _step(self, networks: Networks) -> bool:
        """Do the most urgent piece of work; False if there is none."""
        networks.follow()
        for action in self._agenda(networks):
            with suppress(Superseded):
                action()
            return True
        return False

    def _agenda(self, networks: Networks) -> Iterator[Callable[[], None]]:
        """Pieces of work, the most urgent first."""
        session, focus = self.session, self.session.wishes.focus
        if len(session.examples()) < FIRST_DRAFT:
            if focus is not None and self._prepared != (focus[0], self._settings):
                yield lambda: self._prepare(focus[0])
            return
        if focus is not None and session.needs_draft(*focus):
            yield lambda: self._draft(networks, focus[0], [focus[1]])
        if session.wishes.better:
            yield lambda: self._improve(networks)
        for key, row in self._next():
            yield lambda key=key, row=row: self._draft(networks, key, [row])  # type: ignore[misc]
        if session.checked != session.examples_number:
            yield lambda: self._check(networks)
        if session.wishes.rest:
            yield lambda: self._rest(networks)

    def _next(self) -> list[Key]:
        """The slices after the one in view that need a draft."""
        focus, states = self.session.wishes.focus, self.session.states
        if focus is None:
            return []
        key, row = focus
        if states[key].volume:
            after = [(key, at) for at in range(row + 1, min(row + 1 + AHEAD, states[key].count or 0))]
        else:
            keys = list(states)
            at = keys.index(key)
            undone = [(name, 0) for name in [*keys[at + 1 :], *keys[:at]] if not states[name].slices]
            after = [one for one in undone[:AHEAD] if not self.session.entry(one[0]).looks_like_volume]
        return [one for one in after if self.session.needs_draft(*one)]

    def _prepare(self, key: str) -> None:
        """Prepare the image in view while the person paints: a large volume takes seconds."""
        self._prepared = key, self._settings
        with suppress(*UNUSABLE):  # told when its draft is due
            self._supports.image(key, self._settings)

    def _draft(self, networks: Networks, key: str, rows: list[int], propagate: bool = False) -> None:
        """Make and keep the drafts of some slices of one image; an image that cannot be used says why."""
        session, number = self.session, self.session.examples_number
        wanted = self._while_wanted(number, (key, rows[0]))
        try:
            settings = replace(networks.settings(self._settings), propagate=propagate)
            made = make_drafts(networks.model, self._supports, key, rows, settings, wanted)
        except UNUSABLE as error:
            session.note_error(key, error)
            return
        if made is None:  # until there are more examples of this kind
            session.skip(key)
            return
        for one in made:
            if one.row not in session.states[key].slices:
                session.keep_draft(key, one.row, one.values, Draft(one.sureness, number, [*one.doubts]))
        self._save()

    def _rest(self, networks: Networks) -> None:
        """The next piece of "segment the rest": a picture, or some slices of a volume outward from a painted one."""
        session, key = self.session, self.session.wishes.rest[0]
        with suppress(*UNUSABLE):  # the image's own entry says why
            count = session.view(key).count if session.entry(key).looks_like_volume else 1
            rows = [row for row in range(count) if session.needs_draft(key, row)]
            if rows:
                own = [row for row, part in session.states[key].slices.items() if part.example]
                self._say_rest(1 - len(rows) / count)
                drafted = session.states[key].drafts.keys() - {*rows, *session.states[key].slices}
                line = chain(rows, own, drafted) if session.states[key].volume else rows
                self._draft(networks, key, line, propagate=bool(own))
                return
        with session.lock:
            session.wishes.rest = session.wishes.rest[1:]
            self._say_rest(0)

    def _say_rest(self, share: float) -> None:
        """How far "segment the rest" is; `share` is that of the present image."""
        wishes = self.session.wishes
        if wishes.rest:
            self._say("segmenting the rest", wishes.asked - len(wishes.rest) + share, wishes.asked)
        else:
            self._say()

    def _check(self, networks: Networks) -> None:
        """What Dice to expect, and what is odd about the examples."""
        session, number = self.session, self.session.examples_number
        wanted = self._while_wanted(number, None)
        self._say("measuring the expected Dice")
        settled = time.monotonic() + QUIET
        while time.monotonic() < settled:
            wanted()
            time.sleep(0.05)
        try:
            settings = networks.settings(self._settings)
            newest = self._supports.image(session.examples()[-1][0], settings)
            segmenter = Segmenter(networks.unadapted, self._supports.examples(settings, newest), settings)
            checkup = check_up(segmenter, advance=wanted) if session.can_measure() else Checkup()
        except UNUSABLE as error:
            checkup = Checkup((Finding(str(error)),))
        session.keep_checkup(checkup, number)
        self._say()

    def _improve(self, networks: Networks) -> None:
        """Find what improves results. The slice in view gets its draft meanwhile, as before."""
        session, effort, told = self.session, self.session.wishes.better, "finding what improves the results"

        def advance(share: float) -> None:
            if self.stopped or session.wishes.better != effort:
                raise Superseded
            self._say(told, share, 1)
            focus = session.wishes.focus
            if focus is not None and session.needs_draft(*focus):
                with suppress(Superseded):
                    self._draft(networks, focus[0], [focus[1]])

        try:
            networks.improve(self._supports, self._settings, advance)
        except (*UNUSABLE, RuntimeError) as error:
            with session.lock:
                session.trial.append(f"this could not be done: {error}")
                session.wishes.better = None
        finally:
            self._say()

    def _while_wanted(self, number: int, own: Key | None) -> Callable[[], None]:
        """For `advance`: raises Superseded if the examples changed, or if another slice in view waits for its draft."""

        def check() -> None:
            session, focus = self.session, self.session.wishes.focus
            waiting = focus is not None and focus != own and session.needs_draft(*focus)
            if self.stopped or session.examples_number != number or waiting:
                raise Superseded

        return check

    @property
    def _settings(self) -> Settings:
        return as_trained(replace(self.session.settings, device=self.device), self.weights)

    def _say(self, doing: str = "", done: float = 0, total: int = 0) -> None:
        with self.session.lock:
            self.work = Progress(doing, done, total)
            self.session.touch()

    def _save(self, at_once: bool = False) -> None:
        if at_once or time.monotonic() - self._saved > SAVE_EVERY:
            self.session.save()
            self._saved = time.monotonic()
