"""The network of a session, with what leave-one-out found to improve its results: levers, and adapted weights."""

import os
from collections.abc import Callable
from dataclasses import asdict

from torch import nn

from universeg.app.choices import keep_better
from universeg.app.session import Session
from universeg.app.state import Better
from universeg.app.supports import Supports
from universeg.episodes.levers import Levers, build
from universeg.prediction.config import EffortConfig
from universeg.prediction.effort import Improved, improve, save_adapted, with_detail
from universeg.prediction.predict import ready
from universeg.prediction.settings import Settings

ADAPTED = "adapted.safetensors"  # in the page's own folder


class Networks:
    """The network as it was loaded, and as the session uses it."""

    def __init__(self, session: Session, network: nn.Module, device: str) -> None:
        self.session, self.network, self.device = session, network, device
        self.model = network  # for drafts
        self.unadapted = network  # for the expected Dice: adapted weights know the examples
        self._used: Better | None = None

    def settings(self, plain: Settings) -> Settings:
        """The settings, with larger images if the levers can use them."""
        return with_detail(plain, EffortConfig(effort=self._used.effort)) if self._used else plain

    def follow(self) -> None:
        """Use what the session says. What cannot be used any more is told, and one pass is used."""
        better = self.session.better
        if better is self._used:
            return
        self.model = self.unadapted = self.network
        if better is not None:
            try:
                levers = Levers(**better.levers)
                self.unadapted = build(self.network, levers)
                whole = self.session.folder.own / ADAPTED
                self.model = build(ready(whole, self.device), levers) if better.adapted else self.unadapted
            except (TypeError, ValueError, OSError) as error:
                self.session.notes.append(f"what improved the results cannot be used again: {error}")
                keep_better(self.session, None)
                better = None
        self._used = better

    def improve(self, supports: Supports, plain: Settings, advance: Callable[[float], None]) -> None:
        """Find what improves the results of the present examples, and keep it in the session.

        Raises what `advance` raises, ImageError or ValueError if the examples cannot be used.
        """
        effort = EffortConfig(effort=self.session.wishes.better or "normal")
        settings = with_detail(plain, effort)
        newest = self.session.examples()[-1][0]
        examples = supports.examples(settings, supports.image(newest, settings), every=True)
        found = improve(self.network, examples, effort, plain.size, self._tell, advance)
        names = {image.name for image in examples.images}
        better = Better(
            effort=effort.effort,
            lines=tuple(self.session.trial),
            levers=asdict(found.levers),
            left_out=tuple(sorted(names - found.kept)),
            adapted=found.adapted is not None,
            examples=len(examples.images),
        )
        if better.left_out or found.levers != Levers(size=plain.size):
            self._use(found, better, plain.size)
            return
        self._tell("nothing is better than one pass")
        keep_better(self.session, None)

    def _tell(self, line: str) -> None:
        self.session.trial.append(line.replace(f"{self.session.folder.path}{os.sep}", ""))

    def _use(self, found: Improved, better: Better, size: int) -> None:
        if found.adapted is not None:
            save_adapted(found.adapted, self.session.folder.own / ADAPTED, size)
        self.model, self.unadapted, self._used = found.model, found.unadapted, better
        keep_better(self.session, better)
