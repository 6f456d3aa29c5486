"""`universeg.predict`: an image and examples in, a probability at the image's own size out."""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from torch import nn

from universeg.base.device import device_named
from universeg.model import load_model, trained_size
from universeg.model.registry import DEFAULT
from universeg.prediction.channel import best_channel
from universeg.prediction.check.query_doctor import QueryDoctor
from universeg.prediction.check.support_doctor import support_findings
from universeg.prediction.examples import load_examples
from universeg.prediction.preprocess import preprocess
from universeg.prediction.results import own_probability
from universeg.prediction.segmenter import Segmenter
from universeg.prediction.settings import USUAL_SIZE, Settings
from universeg.prediction.sources import ImageSource, MaskSource, loaded_image
from universeg.standardise.resample import Array


def predict(
    image: ImageSource,
    support_images: Sequence[ImageSource],
    support_masks: Sequence[MaskSource],
    model: nn.Module | str | Path = DEFAULT,
    settings: Settings | None = None,
) -> Array:
    """Probability, in [0, 1], that each pixel of `image` belongs to the structure in the support masks.

    Images are files, arrays (H, W) or (H, W, C) of any intensity range, or `LoadedImage`s. Masks are the same, 0
    outside the structure; other values are different structures. The result has the image's own shape: (H, W), or
    (X, Y, Z) in RAS+ order for the file of a volume. With several structures it has a first axis of structures, in the
    order of their values, and the probabilities of a pixel sum to at most 1. `model` is a network, the name of weights,
    or their file. Input that looks wrong gives a UserWarning; input that cannot be used raises ValueError.
    """
    settings = as_trained(settings or Settings(), model)
    network = ready(model, settings.device)
    if settings.channel == "best":
        given = settings
        best, _ = best_channel(
            network, given, lambda one: load_examples(support_images, support_masks, replace(given, channel=one))
        )
        settings = replace(settings, channel=best)
    examples = load_examples(support_images, support_masks, settings)
    if examples.plane is not None:
        settings = replace(settings, axis=examples.plane.axis)
    query = preprocess(loaded_image(image, "the image", settings.channel), settings)
    for doubt in [*support_findings(examples), *QueryDoctor(examples.images).findings(query)]:
        warnings.warn(str(doubt), UserWarning, stacklevel=2)
    found = Segmenter(network, examples, settings).segment(query)
    whole = np.stack([own_probability(found, number) for number in range(len(examples.labels))])
    return whole if len(examples.labels) > 1 else whole[0]


def as_trained(settings: Settings, model: nn.Module | str | Path) -> Settings:
    """The settings, with the image size that the weights were trained with, unless a size is given."""
    if settings.size or isinstance(model, nn.Module):
        return settings
    return replace(settings, size=trained_size(model) or USUAL_SIZE)


def ready(model: nn.Module | str | Path, device: str) -> nn.Module:
    """The network on its device. With "auto", a network that is passed in stays on its device."""
    if isinstance(model, nn.Module):
        return model if device == "auto" else model.to(device_named(device))
    return load_model(model).to(device_named(device))
