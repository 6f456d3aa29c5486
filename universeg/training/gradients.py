"""The losses of a batch and their gradients. On a GPU, small batches come from a CUDA graph for their shape."""

from collections.abc import Sequence

import torch
from torch import Tensor

from universeg.base.device import Compute
from universeg.model import Network, UniverSeg
from universeg.model.fast.graphs import MOST_PIXELS, Recorded, ShapeCache
from universeg.model.networks import learning_step
from universeg.training.loss import training_loss

MOST_SHAPES = 64  # graphs of a run: one for each N that occurs; they share their memory
Inputs = tuple[Tensor, Tensor, Tensor, Tensor]  # queries, their masks, support images and masks


class Gradients:
    """Computes losses, and leaves the gradients of their mean in the parameters of the model."""

    def __init__(self, model: Network, compute: Compute, cross_entropy: float, graphs: bool) -> None:
        """`graphs`: whether CUDA graphs may be used. They skip hooks, and gradients are exchanged by hooks."""
        self.model, self._compute, self._cross_entropy = model, compute, cross_entropy
        self._shapes = ShapeCache[_RecordedStep](MOST_SHAPES) if graphs and isinstance(model, UniverSeg) else None
        self.pool = (
            torch.cuda.graph_pool_handle() if self._shapes is not None and compute.device.type == "cuda" else None
        )

    def __call__(self, inputs: Inputs, uses: int) -> tuple[Tensor, Tensor]:
        """The loss of each episode, a mean over its `uses` (queries), and the logits of the first item (1, H, W).

        Inputs are (uses * episodes, 1, H, W) and (uses * episodes, N, 1, H, W).
        """
        if self._shapes is not None and inputs[0].numel() + inputs[2].numel() <= MOST_PIXELS:
            key = uses, *(value.shape for value in inputs)
            recorded = self._shapes.get(key, lambda: _RecordedStep(self, inputs, uses))
            if recorded is not None:
                return recorded(inputs)
        return self.computed(inputs, uses)

    def computed(self, inputs: Inputs, uses: int) -> tuple[Tensor, Tensor]:
        """The same without a graph."""
        query, ground_truth, images, masks = inputs
        with self._compute.autocast():
            logits, own_terms = learning_step(self.model, query, images, masks)
        losses = training_loss(logits, ground_truth, self._cross_entropy) + own_terms.float()
        losses = losses.view(uses, -1).mean(0)
        losses.mean().backward()  # type: ignore[no-untyped-call]
        return losses.detach(), logits[0].detach()


class _RecordedStep:
    """Losses and gradients of one shape of the inputs, recorded."""

    def __init__(self, gradients: Gradients, inputs: Inputs, uses: int) -> None:
        query, ground_truth, images, masks = (value.clone(memory_format=torch.contiguous_format) for value in inputs)
        self._inputs = query, ground_truth, images, masks
        self._parameters: Sequence[torch.nn.Parameter] = list(gradients.model.parameters())

        def compute() -> tuple[Tensor, Tensor]:
            for parameter in self._parameters:
                parameter.grad = None  # the graph has its own gradients, and writes them anew
            return gradients.computed(self._inputs, uses)

        self._results = Recorded(compute, gradients.pool)
        self._gradients = [parameter.grad for parameter in self._parameters]

    def __call__(self, inputs: Inputs) -> tuple[Tensor, Tensor]:
        for mine, given in zip(self._inputs, inputs, strict=True):
            mine.copy_(given)
        losses, logits = self._results()
        for parameter, gradient in zip(self._parameters, self._gradients, strict=True):
            parameter.grad = gradient
        return losses.clone(), logits.clone()
