"""Which channel of colour pictures segments best: leave-one-out over the examples, with each channel in turn."""

from collections.abc import Callable, Mapping

from universeg.prediction.check.leave_one_out import Limits, leave_one_out
from universeg.prediction.examples import Examples
from universeg.prediction.segmenter import FewShot, Segmenter
from universeg.prediction.settings import CHANNELS, Channel, Settings

TRIALS = Limits(queries=8, shown=16, slices=2)
LEAST_GAIN = 1.0  # of Dice, 0..100, below which luminance stays: a smaller one is chance


def best_channel(
    model: FewShot, settings: Settings, read: Callable[[Channel], Examples]
) -> tuple[Channel, Mapping[Channel, float]]:
    """The channel, and the mean Dice (0..100) of each. `read` gives the examples of a channel.

    Luminance is taken unless another is clearly better. Raises ValueError for fewer than two examples.
    """
    scores: dict[Channel, float] = {
        channel: leave_one_out(Segmenter(model, read(channel), settings), TRIALS).dice
        for channel in CHANNELS
        if channel != "best"
    }
    best = max(scores, key=lambda channel: scores[channel])
    return (best if scores[best] >= scores["luminance"] + LEAST_GAIN else "luminance"), scores
