"""Which support images each member of an ensemble sees. No torch here."""

import numpy as np
from numpy.typing import NDArray

from universeg.base.rng import rng_for
from universeg.imageio.image import ImageError
from universeg.prediction.settings import Settings


def draws(count: int, settings: Settings) -> list[NDArray[np.intp]]:
    """For each member of the ensemble, the indices of the support images that it sees; the same for every query."""
    if count <= settings.support_size:
        return [np.arange(count)]
    generators = (rng_for("predict", "support", settings.seed, member) for member in range(settings.ensemble))
    return [np.sort(rng.choice(count, settings.support_size, replace=False)) for rng in generators]


def check_ensemble(count: int, settings: Settings) -> None:
    """Raise ImageError for an ensemble whose members would all be the same."""
    if settings.ensemble > 1 and count <= settings.support_size:
        raise ImageError(
            f"an ensemble needs more support images ({count}) than --support-size ({settings.support_size});"
            " make --support-size smaller, or leave out --ensemble"
        )
