"""The function of the authors' package: `from universeg import universeg; model = universeg(pretrained=True)`.

Code written for their package runs unchanged with this one. The network is the same, so their weights fit too.
"""

import sys
from typing import Literal, cast

import torch

from universeg.model.network import ModelConfig, UniverSeg
from universeg.model.weights_file import load_model

VERSIONS = ("v1",)
_NOTE = (
    "universeg: pretrained=True gives the weights of this package (trained on synthetic tasks alone, Apache-2.0);"
    ' pretrained="published" fetches those of the paper\'s authors (research only)\n'
)
_noted = False


def universeg(version: Literal["v1"] = "v1", pretrained: bool | Literal["published"] = False) -> UniverSeg:
    """A network with the weights of this package (True), of the paper's authors ("published"), or random ones (False).

    The network takes target_image (B, 1, H, W), support_images and support_labels (B, S, 1, H, W), all float in [0, 1],
    by position or by keyword, and returns logits (B, 1, H, W). Random weights follow `torch.manual_seed`.
    Raises ValueError for another version; OSError if the published weights cannot be fetched.
    """
    global _noted
    if version not in VERSIONS:
        raise ValueError(f"unknown version {version!r}; known: {', '.join(VERSIONS)}")
    if pretrained == "published":
        return cast(UniverSeg, load_model("published"))
    if pretrained:
        if not _noted:
            sys.stderr.write(_NOTE)
            _noted = True
        return cast(UniverSeg, load_model())
    return UniverSeg(ModelConfig(), seed=int(torch.randint(2**31, ())))
