"""A short nnU-Net training, to try the experiment: 1 epoch of 20 steps instead of 1000 of 250.

nnU-Net finds it by the environment variable nnUNet_extTrainer.
"""

from typing import Any

import torch
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer


class QuickTrainer(nnUNetTrainer):  # type: ignore[misc]  # nnU-Net has no types
    """nnU-Net's own trainer with fewer steps."""

    # nnU-Net needs the arguments by these names.
    def __init__(
        self, plans: dict[str, Any], configuration: str, fold: int, dataset_json: dict[str, Any], device: torch.device
    ) -> None:
        super().__init__(plans, configuration, fold, dataset_json, device)
        self.num_epochs = 1
        self.num_iterations_per_epoch = 20
        self.num_val_iterations_per_epoch = 2
