"""A small evaluation of the held-out dataset of `stores_folder`."""

import pytest

from universeg.evaluation.config import EvaluateConfig
from universeg.model import ModelConfig, UniverSeg, save_model


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """The file of a tiny network."""
    path = tmp_path_factory.mktemp("weights") / "w.safetensors"
    save_model(UniverSeg(ModelConfig((4, 4))), path)
    return path


@pytest.fixture
def config(stores_folder, weights, tmp_path):
    return EvaluateConfig(
        weights=(weights,), stores=(stores_folder / "Kept.lmdb",), out=tmp_path / "out", support_size=(3,),
        ensemble=(2,), bootstraps=20, pictures=0, device="cpu", quiet=True,
    )  # fmt: skip
