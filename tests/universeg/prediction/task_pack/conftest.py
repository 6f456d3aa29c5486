"""Small labelled folders, and a command that runs in the test's own process."""

import numpy as np
import pytest
from PIL import Image
from task_pack_pictures import picture

from universeg.prediction.task_pack.cli import main


@pytest.fixture
def labelled(tmp_path):
    """`labelled(count)` makes a folder with images/ and masks/; returns its path."""

    def make(count=4, name="labelled", labels=1, first=0, values=(0, 255)):
        folder = tmp_path / name
        for kind in ("images", "masks"):
            (folder / kind).mkdir(parents=True)
        for number in range(first, first + count):
            image, mask = picture(number, labels=labels)
            Image.fromarray(image).save(folder / f"images/p{number}.png")
            Image.fromarray(np.array(values, np.uint8)[mask]).save(folder / f"masks/p{number}.png")
        return folder

    return make


@pytest.fixture
def task(capsys, monkeypatch, tmp_path):
    """`task(words...)` runs `universeg task` in the test's folder: exit status, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words):
        status = 0
        try:
            main([str(word) for word in words])
        except SystemExit as error:
            status = error.code
        return (status, *capsys.readouterr())

    return run
