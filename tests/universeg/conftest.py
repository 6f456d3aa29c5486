"""Small stores whose tasks can be learnt: bright discs on a dark background with noise."""

import numpy as np
import pytest

from universeg.base.rng import rng_for
from universeg.model import ModelConfig
from universeg.store import Record, pack, write_store
from universeg.training.augment import AugmentConfig
from universeg.training.config import TrainConfig

SIDE = 32
SUBJECTS = 10
SPLITS = ["support"] * 6 + ["dev"] * 2 + ["test"] * 2


def discs(dataset: str, subject: str, labels: tuple[str, ...], side: int):
    """An image, and one mask per label: discs at nearly the same position in all subjects."""
    rng = rng_for("discs", dataset, subject)
    y, x = np.mgrid[:side, :side] / side
    image, masks = rng.normal(40, 5, (side, side)), {}
    for number, label in enumerate(labels, 1):
        row, column = number / (len(labels) + 1) + rng.uniform(-0.05, 0.05, 2)
        inside = (y - row) ** 2 + (x - column) ** 2 < rng.uniform(0.12, 0.16) ** 2
        image[inside] += 200 * number / len(labels)
        masks[label] = (inside * 255).astype(np.uint8)
    return image.clip(0, 255).astype(np.uint8), masks


@pytest.fixture(scope="session")
def make_store():
    """`make_store(folder, dataset)` writes a store, by default of ten subjects (six for support); returns its path."""

    def make(
        folder,
        dataset,
        role="train",
        labels=("a", "b"),
        slicings=("mid", "max"),
        side=SIDE,
        splits=SPLITS,
        frames=1,
        row=None,
        overlaps=(),
    ):
        names = [f"s{n}" for n in range(len(splits))]
        records = []
        for subject in (f"{name}@{f}" if frames > 1 else name for name in names for f in range(frames)):
            image, masks = discs(dataset, subject, labels, side)
            if "mid" in slicings:
                records.append(Record("mid", "g", "m", 0, subject, image, masks))
            if "max" in slicings:
                records += [Record("max", "g", "m", 0, subject, image, {label: masks[label]}) for label in labels]
        header = {"dataset": dataset, "size": side, "role": role, "splits": dict(zip(names, splits, strict=True))}
        header |= {"row": row} if row else {}
        header |= {"overlaps": list(overlaps)} if overlaps else {}
        write_store(folder / f"{dataset}.lmdb", header, sorted(map(pack, records)))
        return folder / f"{dataset}.lmdb"

    return make


@pytest.fixture(scope="session")
def stores_folder(tmp_path_factory, make_store):
    """A folder with two training datasets and one held-out dataset."""
    folder = tmp_path_factory.mktemp("stores")
    make_store(folder, "One")
    make_store(folder, "Two", labels=("c",), slicings=("mid",))
    make_store(folder, "Kept", role="held-out", frames=2)
    return folder


@pytest.fixture
def config(stores_folder, tmp_path):
    """Settings of a training run that takes a few seconds."""
    return TrainConfig(
        stores=(stores_folder,), out=tmp_path / "run", steps=12, support_size=3, model=ModelConfig((8, 8, 8)),
        learning_rate=1e-3, precision="float32", device="cpu", validate_every=5, checkpoint_every=4, quiet=True,
        augment=AugmentConfig(preset="none"),
    )  # fmt: skip
