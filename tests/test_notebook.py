"""The notebook in examples/ runs from its first cell to its last one."""

import json
import shutil
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

NOTEBOOK = Path("examples/segment.ipynb").resolve()


@pytest.mark.slow
def test_all_cells_run(tmp_path, monkeypatch, capsys):
    mpl.use("Agg")
    shutil.copytree(NOTEBOOK.parent, tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for number, cell in enumerate(json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]):
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), f"cell {number}", "exec"), names)
    expected = [result[0] for result in names["results"]]
    assert expected == sorted(expected)
    assert min(expected) > 80, "the sample task is an easy one"
    for number in range(9, 14):
        mask = np.asarray(Image.open(f"masks/sample{number:02d}_mask.png"))
        assert set(np.unique(mask)) == {0, 255}
    assert "Expected Dice" in capsys.readouterr().out


def test_it_is_committed_without_outputs():
    cells = [cell for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    assert not any(cell["outputs"] or cell["execution_count"] for cell in cells)
