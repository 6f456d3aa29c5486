"""What the demo draws, on a store of fakes; `make demo` itself takes minutes and CI runs it beside the tests."""

import fakes
import numpy as np
from PIL import Image

from demo.picture import draw
from universeg.model import ModelConfig, UniverSeg
from universeg.standardise.normalise import luminance, normalised
from universeg.standardise.resample import Grid
from universeg.store import Record, pack, write_store

NAMES = {f"{n:03d}": ("support" if n < 6 else "test") for n in range(8)}


def record(name: str) -> Record:
    picture, labels = fakes.cell(int(name))
    grid = Grid(labels.shape, (1, 1), 32)
    image = np.rint(grid.image(normalised(luminance(picture), "unit")) * 255).astype(np.uint8)
    nucleus = np.rint(grid.mask(labels == 255) * 255).astype(np.uint8)
    return Record("mid", "g", "m", 0, name, image, {"nucleus": nucleus})


def test_the_demo_draws_a_query_its_examples_and_the_answer(tmp_path):
    header = {"dataset": "Cells", "size": 32, "splits": NAMES, "role": "held-out"}
    write_store(tmp_path / "Cells.lmdb", header, sorted(pack(record(name)) for name in NAMES))
    networks = {name: UniverSeg(ModelConfig(widths=(4, 4)), seed) for seed, name in enumerate(["one", "other"])}
    dice = draw(networks, [tmp_path / "Cells.lmdb"], ["Cells/*"], 4, tmp_path / "result.png")
    assert dice.keys() == networks.keys()
    assert all(0 <= value <= 100 for value in dice.values())
    with Image.open(tmp_path / "result.png") as picture:
        assert picture.width > 8 * 192, "query, three examples, truth, two predictions, and how sure the last one is"
