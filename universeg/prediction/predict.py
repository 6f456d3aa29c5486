"""Segment images by the example of others: arrays or files in, probabilities at the image's own size out."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from universeg.base.device import device_named
from universeg.base.rng import rng_for
from universeg.imageio.image import SAME_GRID, ImageError, LoadedImage, grid_distance
from universeg.imageio.load import inside, read_image, read_labels, whole_numbers
from universeg.model import SHIPPED, load_model, trained_size
from universeg.prediction.preprocess import (
    USUAL_SIZE,
    PreparedImage,
    Settings,
    preprocess,
    support_warnings,
    to_image_grid,
    warnings_for,
)
from universeg.standardise.normalise import luminance
from universeg.standardise.resample import Array

ImageSource = str | Path | LoadedImage | NDArray[np.generic]


def predict(
    image: ImageSource,
    support_images: Sequence[ImageSource],
    support_masks: Sequence[ImageSource],
    model: nn.Module | str | Path = SHIPPED,
    settings: Settings | None = None,
) -> Array:
    """Probability that each pixel of `image` belongs to what the support masks mark, at the image's own size.

    Images are files, arrays (H, W) or (H, W, C) of any intensity range, or `LoadedImage`s; masks likewise, 0 outside.
    A volume's file gives (X, Y, Z) in RAS+, of which `settings` say what to segment. `model` is the network or
    its weights file, by default the one in the package. What looks wrong is warned of; what cannot work raises
    ValueError.
    """
    settings = as_trained(settings or Settings(), model)
    support = load_support(support_images, support_masks, settings)
    scan = _image(image, "the image")
    query = preprocess(scan, settings)
    for doubt in [*support_warnings(support), *warnings_for(query, support)]:
        warnings.warn(doubt, UserWarning, stacklevel=2)
    return to_image_grid(segment(ready(model, settings.device), query, support, settings), query)


def load_support(
    images: Sequence[ImageSource], masks: Sequence[ImageSource], settings: Settings
) -> list[PreparedImage]:
    """Read and preprocess all pairs; one ImageError lists everything that is wrong with any of them."""
    if len(images) != len(masks) or not images:
        raise ImageError(f"expected at least one support image and as many masks, got {len(images)} and {len(masks)}")
    prepared, problems, values = list[PreparedImage](), list[str](), set[int]()
    for number, (image, mask) in enumerate(zip(images, masks, strict=True), 1):
        try:
            scan, labels = _image(image, f"support image {number}"), _labels(mask, f"support mask {number}")
            _check_pair(scan, labels)
            values |= {int(value) for value in np.unique(labels.values)} if settings.label is not None else set()
            prepared.append(preprocess(scan, settings, inside(labels, settings.label)))
        except (ValueError, OSError) as error:
            problems.append(f"  {error}")
    if problems:
        raise ImageError("\n".join(["the support set cannot be used:", *problems]))
    if settings.label is not None and settings.label not in values:
        shown = ", ".join(str(value) for value in sorted(values)[:12])
        raise ImageError(f"no support mask has the value {settings.label} (--label); they have {shown}")
    if len({entry.axis for entry in prepared}) > 1:
        raise ImageError("the support mixes pictures and volumes; give one kind")
    return prepared


def as_trained(settings: Settings, model: nn.Module | str | Path) -> Settings:
    """The settings, with the image size of the weights file unless another is asked for."""
    if settings.size or isinstance(model, nn.Module):
        return settings
    return replace(settings, size=trained_size(model) or USUAL_SIZE)


def ready(model: nn.Module | str | Path, device: str) -> nn.Module:
    """The network on its device; with "auto" a network that is handed in stays where it is."""
    if isinstance(model, nn.Module):
        return model if device == "auto" else model.to(device_named(device))
    return load_model(model).to(device_named(device))


def segment(
    network: nn.Module,
    query: PreparedImage,
    support: Sequence[PreparedImage],
    settings: Settings,
    advance: Callable[[], None] = lambda: None,
) -> Array:
    """Probability (T, S, S) for each slice, averaged over the ensemble; `advance` is called after each slice.

    A slice at whose height no support mask marks anything stays 0: there is no example to go by.
    """
    if any(entry.axis != query.axis for entry in support):
        raise ImageError(
            f"{query.name}: the image is a {_kind(query)}, the support are {_kind(support[0])}s; give one kind"
        )
    members = draws(len(support), settings)
    result = np.zeros(query.images.shape, np.float32)
    for row, image in enumerate(query.images):
        beside = [
            (entry.images[at], entry.masks[at])
            for entry in support
            for at in [entry.beside(query, row)]
            if entry.masks is not None
        ]
        images, masks = (np.stack(parts) for parts in zip(*beside, strict=True))
        shown = [member for member in members if masks[member].any()]
        for member in shown:
            result[row] += _probability(network, image, images[member], masks[member]) / len(shown)
        advance()
    return result


def draws(count: int, settings: Settings) -> list[NDArray[np.intp]]:
    """For each member of the ensemble, which of `count` support images it sees; the same for every query."""
    if count <= settings.support_size:
        if settings.ensemble > 1:
            raise ImageError(
                f"an ensemble draws from more support images than are shown at once: there are {count},"
                f" and --support-size is {settings.support_size}; make it smaller, or leave out --ensemble"
            )
        return [np.arange(count)]
    generators = (rng_for("predict", "support", settings.seed, member) for member in range(settings.ensemble))
    return [np.sort(rng.choice(count, settings.support_size, replace=False)) for rng in generators]


def _probability(
    network: nn.Module, image: NDArray[np.uint8], images: NDArray[np.uint8], masks: NDArray[np.bool_]
) -> Array:
    device = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))

    def tensor(values: NDArray[np.generic], scale: float) -> Tensor:
        return torch.from_numpy(values).to(device).float().div_(scale)

    try:
        with torch.inference_mode():
            logits = network(
                tensor(image, 255)[None, None], tensor(images, 255)[None, :, None], tensor(masks, 1)[None, :, None]
            )
    except torch.OutOfMemoryError as error:
        raise ValueError(
            f"not enough memory on {device} for {len(images)} support images at {image.shape[0]} pixels;"
            " give a smaller --support-size (with --ensemble to use them all), or --device cpu"
        ) from error
    probability: Array = logits[0, 0].sigmoid().float().cpu().numpy()
    return probability


def _image(source: ImageSource, name: str) -> LoadedImage:
    """Read, or take as it is; `name` is what messages call an array."""
    if isinstance(source, LoadedImage):
        source.check_finite()
        return source
    if isinstance(source, str | Path):
        return read_image(Path(source))
    if source.ndim == 3 and source.shape[-1] <= 4:
        return _image(LoadedImage(luminance(source), (1.0, 1.0), name), name)
    if source.ndim != 2:
        raise ImageError(
            f"{name}: expected an array (H, W) or (H, W, C) with at most 4 colours, got {source.shape};"
            " for a volume give its file, or a LoadedImage with its spacing"
        )
    return _image(LoadedImage(source, (1.0, 1.0), name), name)


def _labels(source: ImageSource, name: str) -> LoadedImage:
    if isinstance(source, str | Path):
        return read_labels(Path(source))
    labels = source if isinstance(source, LoadedImage) else LoadedImage(source, (1.0,) * source.ndim, name)
    labels.check_finite()
    return replace(labels, values=whole_numbers(labels.values, labels.where))


def _check_pair(image: LoadedImage, mask: LoadedImage) -> None:
    if image.values.shape != mask.values.shape:
        raise ImageError(
            f"{image.where} has shape {image.values.shape} and its mask {mask.where} {mask.values.shape};"
            " save the mask at its image's size"
        )
    if grid_distance(image, mask) > SAME_GRID:
        raise ImageError(
            f"{image.where} and its mask {mask.where} have the same shape but lie in different places or directions;"
            " save the mask in its image's frame"
        )


def _kind(entry: PreparedImage) -> str:
    return "picture" if entry.axis is None else "volume"
