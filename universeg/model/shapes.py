"""The shapes that every few-shot network takes, checked with a message that says what is expected."""

from torch import Tensor


def check_shapes(query: Tensor, images: Tensor, masks: Tensor, multiple: int) -> None:
    """Raises ValueError unless query is (B, 1, H, W), and images and masks are (B, N, 1, H, W) with N at least 1.

    H and W must be multiples of `multiple`.
    """
    shapes = tuple(query.shape), tuple(images.shape), tuple(masks.shape)
    batch, _, *size = (*shapes[0], 0, 0, 0, 0)[:4]
    whole = (batch, 1, *size) == shapes[0] and (batch, *shapes[1][1:2], 1, *size) == shapes[1] == shapes[2]
    if not whole or query.numel() == 0 or images.numel() == 0:
        raise ValueError(
            "expected target_image (B, 1, H, W), support_images and support_labels (B, N, 1, H, W), N at least 1,"
            f" got {shapes[0]}, {shapes[1]} and {shapes[2]}"
        )
    if any(length % multiple for length in size):
        raise ValueError(
            f"height and width must be multiples of {multiple}, got {size[0]} x {size[1]}; pad or resize the images"
        )
