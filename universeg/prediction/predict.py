"""Segment images from a support set: arrays or files in, probabilities at the image's own size out."""

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
from universeg.imageio.load import inside, read_image, read_labels
from universeg.imageio.masks import label_values
from universeg.model import load_model, trained_size
from universeg.model.registry import DEFAULT
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

LEAST_SHARE = 0.1  # of the non-zero pixels of a mask that a chosen label should have

ImageSource = str | Path | LoadedImage | NDArray[np.generic]


def predict(
    image: ImageSource,
    support_images: Sequence[ImageSource],
    support_masks: Sequence[ImageSource],
    model: nn.Module | str | Path = DEFAULT,
    settings: Settings | None = None,
) -> Array:
    """Probability, in [0, 1], that each pixel of `image` belongs to the structure in the support masks.

    Images are files, arrays (H, W) or (H, W, C) of any intensity range, or `LoadedImage`s. Masks are the same, 0
    outside the structure. The result has the image's own shape: (H, W), or (X, Y, Z) in RAS+ order for the file of a
    volume, of which `settings` choose the slices. `model` is a network, the name of weights, or their file. Input that
    looks wrong gives a UserWarning; input that cannot be used raises ValueError.
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
    """Read and preprocess all pairs. One ImageError lists everything that is wrong with them."""
    if len(images) != len(masks) or not images:
        raise ImageError(f"expected at least one support image and as many masks, got {len(images)} and {len(masks)}")
    prepared, problems, values = list[PreparedImage](), list[str](), set[int]()
    for number, (image, mask) in enumerate(zip(images, masks, strict=True), 1):
        try:
            scan, labels = _image(image, f"support image {number}"), _labels(mask, f"support mask {number}")
            _check_pair(scan, labels)
            values |= {int(value) for value in np.unique(labels.values)} if settings.label is not None else set()
            marked = inside(labels, settings.label)
            notes = (*labels.notes, *_share_note(labels, marked, settings.label))
            entry = preprocess(scan, settings, marked)
            prepared.append(replace(entry, notes=(*entry.notes, *notes)))
        except (ValueError, OSError) as error:
            problems.append(f"  {error}")
    if problems:
        raise ImageError("\n".join(["the support set cannot be used:", *problems]))
    if settings.label is not None and settings.label not in values:
        shown = ", ".join(str(value) for value in sorted(values)[:12])
        raise ImageError(f"no support mask has the value {settings.label} (--label); they have {shown}")
    if len({entry.axis for entry in prepared}) > 1:
        raise ImageError("the support set mixes pictures and volumes; use one kind")
    return prepared


def _share_note(labels: LoadedImage, marked: NDArray[np.bool_], label: int | None) -> tuple[str, ...]:
    """A note if a chosen label is only a small part of what the mask marks: the wrong value, or a blurred mask."""
    share = np.count_nonzero(marked) / max(1, int(np.count_nonzero(labels.values)))
    if label is None or share >= LEAST_SHARE or not marked.any():
        return ()
    return (f"--label {label} keeps {share:.1%} of the pixels that are not 0; check that it is the right value",)


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


def segment(
    network: nn.Module,
    query: PreparedImage,
    support: Sequence[PreparedImage],
    settings: Settings,
    advance: Callable[[], None] = lambda: None,
) -> Array:
    """Probability (T, S, S) for each slice, averaged over the ensemble; `advance` is called after each slice.

    A slice stays 0 if all support masks are empty at its relative height, since it has no example.
    """
    if any(entry.axis != query.axis for entry in support):
        raise ImageError(
            f"{query.name}: the image is a {_kind(query)}, the support images are {_kind(support[0])}s; use one kind"
        )
    members = draws(len(support), settings)
    result = np.zeros(query.images.shape, np.float32)
    for row, image in enumerate(query.images):
        beside = [
            (entry.images[at], entry.masks[at])
            for entry in support
            for at in [entry.slice_at_height(query, row)]
            if entry.masks is not None
        ]
        images, masks = (np.stack(parts) for parts in zip(*beside, strict=True))
        shown = [member for member in members if masks[member].any()]
        for member in shown:
            result[row] += _probability(network, image, images[member], masks[member]) / len(shown)
        advance()
    return result


def draws(count: int, settings: Settings) -> list[NDArray[np.intp]]:
    """For each member of the ensemble, the indices of the support images that it sees; the same for every query."""
    if count <= settings.support_size:
        if settings.ensemble > 1:
            raise ImageError(
                f"an ensemble needs more support images ({count}) than --support-size ({settings.support_size});"
                " make --support-size smaller, or leave out --ensemble"
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
            " use a smaller --support-size (with --ensemble to use all images), or --device cpu"
        ) from error
    probability: Array = logits[0, 0].sigmoid().float().cpu().numpy()
    return probability


def _image(source: ImageSource, name: str) -> LoadedImage:
    """Read a file, or wrap an array; `name` is used for an array in messages."""
    if isinstance(source, LoadedImage):
        source.check_finite()
        return source
    if isinstance(source, str | Path):
        return read_image(Path(source))
    if source.ndim == 3 and source.shape[-1] <= 4:
        return _image(LoadedImage(luminance(source), (1.0, 1.0), name), name)
    if source.ndim != 2:
        raise ImageError(
            f"{name}: expected an array (H, W) or (H, W, C) with at most 4 channels, got {source.shape};"
            " for a volume pass its file, or a LoadedImage with its spacing"
        )
    return _image(LoadedImage(source, (1.0, 1.0), name), name)


def _labels(source: ImageSource, name: str) -> LoadedImage:
    if isinstance(source, str | Path):
        return read_labels(Path(source))
    labels = source if isinstance(source, LoadedImage) else LoadedImage(source, (1.0,) * source.ndim, name)
    return label_values(labels)


def _check_pair(image: LoadedImage, mask: LoadedImage) -> None:
    if image.values.shape != mask.values.shape:
        raise ImageError(
            f"{image.where} has shape {image.values.shape} and its mask {mask.where} {mask.values.shape};"
            " save the mask at the size of its image"
        )
    if grid_distance(image, mask) > SAME_GRID:
        raise ImageError(
            f"{image.where} and its mask {mask.where} have the same shape, but their affines differ;"
            " save the mask with the affine of its image"
        )


def _kind(entry: PreparedImage) -> str:
    return "picture" if entry.axis is None else "volume"
