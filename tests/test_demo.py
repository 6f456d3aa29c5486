"""What the demo draws, on a store of fake cells. `make demo` itself takes minutes; CI runs it beside the tests."""

import fakes
import numpy as np
import pytest
from PIL import Image
from torch import nn

from demo import picture
from universeg.episodes.dice import dice
from universeg.standardise.normalise import luminance, normalised
from universeg.standardise.resample import Grid
from universeg.store import Record, Store, pack, write_store

NAMES = {f"{n:03d}": ("support" if n < 7 else "test") for n in range(8)}  # the one query is 007
DARK = 0.35


def record(name: str) -> Record:
    image, labels = fakes.cell(int(name))
    grid = Grid(labels.shape, (1, 1), 32)
    pixels = np.rint(grid.image(normalised(luminance(image), "unit")) * 255).astype(np.uint8)
    nucleus = np.rint(grid.mask(labels == 255) * 255).astype(np.uint8)
    return Record("mid", "g", "m", 0, name, pixels, {"nucleus": nucleus})


class Dark(nn.Module):
    """Marks dark pixels, which are those of the nucleus."""

    def forward(self, target_image, support_images, support_labels):
        return (DARK - target_image) * 100


class FirstMask(nn.Module):
    def forward(self, target_image, support_images, support_labels):
        return support_labels[:, 0] * 2 - 1


@pytest.fixture
def store(tmp_path):
    header = {"dataset": "Cells", "size": 32, "splits": NAMES, "role": "held-out"}
    write_store(tmp_path / "Cells.lmdb", header, sorted(pack(record(name)) for name in NAMES))
    return Store(tmp_path / "Cells.lmdb")


def test_the_picture_has_labelled_columns_and_the_dice_is_that_of_the_query(store, tmp_path, monkeypatch):
    sheets, original = [], picture.sheet
    monkeypatch.setattr(picture, "sheet", lambda *given: sheets.append(given) or original(*given))
    networks = {"one": Dark(), "other": FirstMask()}
    found = picture.draw(networks, [store.path], ["Cells/*"], 4, tmp_path / "result.png")
    images, masks = store.read("Cells/g/m/nucleus/0", ["007"])
    assert found["one"] == dice(images[0] < DARK * 255, masks[0] > 0)
    assert found["one"] > 60
    (row,) = sheets[0][0]
    assert [panel.caption for panel in row] == [
        "query: Cells/g/m/nucleus/0",
        "example 1 of 4",
        "example 2 of 4",
        "example 3 of 4",
        "ground truth",
        f"prediction, network one: Dice {found['one']:.0f}",
        f"prediction, network other: Dice {found['other']:.0f}",
        "confidence map, network other",
    ]
    with Image.open(tmp_path / "result.png") as drawn:
        assert drawn.width > len(row) * picture.SIDE
