"""Change the size of images, masks and logits, and run a network at another size than that of its input."""

from typing import cast

from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

HALF = 0.5  # a pixel belongs to a mask if at least this share of its area does, as in stores


def resize_images(images: Tensor, size: int) -> Tensor:
    """Images or coverages (..., C, H, W) at `size` pixels per side: the mean over each new pixel's area."""
    side = images.shape[-1]
    if images.shape[-2:] == (size, size):
        return images
    flat = images.flatten(0, -4) if images.ndim > 4 else images
    if side % size == 0 and images.shape[-2] == side:
        new = avg_pool2d(flat, side // size)  # the same as for images of stores
    else:
        new = interpolate(flat, (size, size), mode="bilinear", align_corners=False, antialias=True)
    return new.view(*images.shape[:-2], size, size)


def resize_masks(masks: Tensor, size: int) -> Tensor:
    """Masks (..., C, H, W) of 0 and 1 at `size` pixels per side, again of 0 and 1."""
    return masks if masks.shape[-2:] == (size, size) else (resize_images(masks, size) >= HALF).to(masks.dtype)


class Resized(nn.Module):
    """A network that sees every image at `size` x `size` pixels; logits are returned at the size of the query."""

    def __init__(self, model: nn.Module, size: int) -> None:
        super().__init__()
        self.model, self.size = model, size

    def forward(self, target_image: Tensor, support_images: Tensor, support_labels: Tensor) -> Tensor:
        shape = target_image.shape[-2:]
        if shape == (self.size, self.size):
            return cast(Tensor, self.model(target_image, support_images, support_labels))
        logits = self.model(
            resize_images(target_image, self.size),
            resize_images(support_images, self.size),
            resize_masks(support_labels, self.size),
        )
        return interpolate(logits.float(), tuple(shape), mode="bilinear", align_corners=False, antialias=True)
