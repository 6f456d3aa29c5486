"""Connected parts of a mask."""

import numpy as np
import torch
from torch import Tensor


def largest_component(mask: Tensor) -> Tensor:
    """The part of a mask (H, W) with the most pixels, which touch by a side or a corner; bool on the same device."""
    import SimpleITK as sitk  # slow to import, and few levers need it

    parts = sitk.ConnectedComponent(sitk.GetImageFromArray(mask.cpu().numpy().astype(np.uint8)), True)
    ranked = sitk.GetArrayFromImage(sitk.RelabelComponent(parts, sortByObjectSize=True))
    return torch.from_numpy(ranked == 1).to(mask.device)
