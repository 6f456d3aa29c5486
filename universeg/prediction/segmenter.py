"""Segment one prepared image from examples: the core that commands, checks and levers share."""

from collections.abc import Callable, Collection, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from universeg.imageio.image import ImageError
from universeg.prediction.ensemble import check_ensemble, draws
from universeg.prediction.examples import Examples
from universeg.prediction.planes import nearest_slices
from universeg.prediction.preprocess import PreparedImage
from universeg.prediction.segmentation import Segmentation, Shown, winners
from universeg.prediction.settings import Settings
from universeg.standardise.resample import Array

# query (1, 1, S, S), support images and masks (1, N, 1, S, S), all in [0, 1] -> logits (1, 1, S, S)
FewShot = Callable[[Tensor, Tensor, Tensor], Tensor]
Pair = tuple[NDArray[np.uint8], NDArray[np.integer]]  # a slice (S, S) and its label map
SURE = 0.8  # least mean probability of a segmented slice that serves as an example for the next
USUAL_COUNT = 16  # support slices for a slice of a volume, if there are fewer volumes


class Segmenter:
    """A network, or any other few-shot method, with the examples of one task."""

    def __init__(
        self, model: FewShot, examples: Examples, settings: Settings, device: torch.device | None = None
    ) -> None:
        self.model, self.examples, self.settings = model, examples, settings
        own = next((p.device for p in model.parameters()), None) if isinstance(model, nn.Module) else None
        self.device = device or own or torch.device("cpu")
        self.usable = examples.usable
        check_ensemble(len(examples.images), settings)

    def segment(
        self,
        query: PreparedImage,
        without: Collection[int] = (),
        advance: Callable[[], None] = lambda: None,
    ) -> Segmentation:
        """Probabilities of each slice, averaged over the ensemble; `advance` is called after each slice.

        `without` are examples that are not shown, as for leave-one-out. A slice stays 0 if it has no contrast, or if
        no support slice at its relative height has a structure, since then it has no example.
        """
        self._check_kind(query)
        examples = [at for at in range(len(self.examples.images)) if at not in without]
        members = [[examples[at] for at in member] for member in draws(len(examples), self.settings)]
        result = np.zeros((len(self.examples.labels), *query.images.shape), np.float32)
        flat, sets = query.flat, list[list[list[Shown]]]()
        for row in range(len(query.images)):
            seen = [] if flat[row] else [self.support_of(query, row, member) for member in members]
            sets.append([support for support in seen if self._has_structure(support)])
        for row, before in self._order(sets):
            own = self._accepted(query, result, before) if self.settings.propagate else []
            for support in sets[row]:
                result[:, row] += self._probability(query.images[row], support, own) / len(sets[row])
            advance()
        return Segmentation(query, self.examples.labels, result, tuple(tuple(seen[0]) if seen else () for seen in sets))

    def _order(self, sets: Sequence[Sequence[Sequence[Shown]]]) -> list[tuple[int, int | None]]:
        """The slices with the slice segmented before each: outward from the one whose support marks most."""
        if not self.settings.propagate:
            return [(row, None) for row in range(len(sets))]
        sizes = [sum(np.count_nonzero(self._labels(e)[piece]) for e, piece in seen[0]) if seen else 0 for seen in sets]
        start = sizes.index(max(sizes))
        up = [(row, row - 1) for row in range(start + 1, len(sets))]
        down = [(row, row + 1) for row in range(start - 1, -1, -1)]
        return [(start, None), *up, *down]

    def _accepted(self, query: PreparedImage, result: Array, row: int | None) -> list[Pair]:
        """The slice next to this one with its own result, as one more example, if the network was sure of it."""
        if row is None:
            return []
        found = winners(result[:, row])
        sure = result[:, row].max(axis=0)[found > 0]
        if not sure.size or sure.mean() < SURE:
            return []
        values = np.array([0, *(label.value for label in self.examples.labels)])[found]
        return [(query.images[row], values)]

    def support_of(self, query: PreparedImage, row: int, member: Sequence[int]) -> list[Shown]:
        """The support slices for one slice: of each example those at the same relative height."""
        if query.axis is None:
            return [(at, 0) for at in member]
        each = max(1, min(USUAL_COUNT, self.settings.support_size) // len(member))
        height = float(query.heights[row])
        return [
            (at, piece)
            for at in member
            for piece in nearest_slices(self.examples.images[at], height, each, self.usable[at])
        ]

    def _has_structure(self, support: Sequence[Shown]) -> bool:
        return any(self._labels(example)[piece].any() for example, piece in support)

    def _labels(self, example: int) -> NDArray[np.unsignedinteger]:
        labels = self.examples.images[example].labels
        assert labels is not None, "an example has a mask"
        return labels

    def _probability(self, image: NDArray[np.uint8], support: Sequence[Shown], own: Sequence[Pair] = ()) -> Array:
        """Of each structure (L, S, S): sigmoid of one, softmax of several and of 0 for outside (paper, figure 19)."""
        pairs = [
            (self.examples.images[example].images[piece], self._labels(example)[piece]) for example, piece in support
        ]
        images, values = (np.stack(parts) for parts in zip(*pairs, *own, strict=True))
        query, shown = self._tensor(image, 255)[None, None], self._tensor(images, 255)[None, :, None]
        logits = torch.full((len(self.examples.labels), *image.shape), -torch.inf)
        try:
            with torch.inference_mode():
                for at, label in enumerate(self.examples.labels):
                    masks = values == label.value
                    if masks.any():
                        logits[at] = self.model(query, shown, self._tensor(masks, 1)[None, :, None])[0, 0].float().cpu()
        except torch.OutOfMemoryError as error:
            raise ValueError(
                f"not enough memory on {self.device} for {len(images)} support images at {image.shape[0]} pixels;"
                " use a smaller --support-size (with --ensemble to use all images), or --device cpu"
            ) from error
        if len(logits) == 1:
            return np.asarray(logits.sigmoid().numpy(), np.float32)
        outside = torch.zeros_like(logits[:1])
        return np.asarray(torch.cat([outside, logits]).softmax(0)[1:].numpy(), np.float32)

    def _tensor(self, values: NDArray[np.generic], scale: float) -> Tensor:
        return torch.from_numpy(values).to(self.device).float().div_(scale)

    def _check_kind(self, query: PreparedImage) -> None:
        first = self.examples.images[0]
        if (first.axis is None) != (query.axis is None):
            raise ImageError(
                f"{query.name}: the image is a {_kind(query)}, the support images are {_kind(first)}s; use one kind"
            )
        if first.axis != query.axis:
            raise ImageError(f"{query.name}: its slices lie along axis {query.axis}, those of the support {first.axis}")


def _kind(entry: PreparedImage) -> str:
    return "picture" if entry.axis is None else "volume"
