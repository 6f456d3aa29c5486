"""Two held-out datasets that are one row of the paper's tables, a third one, and a tiny network for every name."""

import pytest

from universeg.experiments.config import ExperimentConfig
from universeg.experiments.networks import networks
from universeg.model import ModelConfig, UniverSeg, save_model


@pytest.fixture(scope="session")
def experiment_stores(tmp_path_factory, make_store):
    folder = tmp_path_factory.mktemp("experiment stores")
    make_store(folder, "One")
    make_store(folder, "Two", labels=("c",))
    make_store(folder, "KeptA", role="held-out", row="Kept")
    make_store(folder, "KeptB", role="held-out", row="Kept", labels=("a",))
    make_store(folder, "Other", role="held-out", labels=("z",))
    return folder


@pytest.fixture(scope="session")
def done(tmp_path_factory, experiment_stores):
    """A folder of experiments in which all networks are trained; experiments add their steps to it."""
    out = tmp_path_factory.mktemp("experiments")
    for number, name in enumerate(networks()):
        folder = out / "networks" / name
        folder.mkdir(parents=True)
        save_model(UniverSeg(ModelConfig((4, 4)), seed=number), folder / "trained.safetensors")
    return out


@pytest.fixture
def config(experiment_stores, done):
    return ExperimentConfig(
        stores=(experiment_stores,), out=done, scale="tiny", device="cpu", quiet=True, picture_tasks=("KeptA",)
    )
