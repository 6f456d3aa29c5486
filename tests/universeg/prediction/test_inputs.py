"""What is refused or finished before torch is loaded, which takes longer than all of that."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from dicom_files import dicom
from PIL import Image

from universeg.model import ModelConfig, UniverSeg, save_model
from universeg.prediction.cli import main

RNG = np.random.default_rng(3)
CODE = """
import sys
from universeg.__main__ import main
try:
    main(sys.argv[1:])
finally:
    print("torch is loaded" if "torch" in sys.modules else "no torch", file=sys.stderr)
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Three labelled pictures, two new ones, and an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(os.path.abspath, sys.path)))
    for folder in ("support", "new", "empty"):
        (tmp_path / folder).mkdir()
    for number in range(3):
        rows, columns = np.indices((40, 60))
        mask = (rows - 20) ** 2 + (columns - 25 - number) ** 2 < 100
        image = (80 + 100 * mask + RNG.normal(0, 8, mask.shape)).astype(np.uint8)
        Image.fromarray(image).save(f"support/{number}.bmp")
        Image.fromarray(mask).save(f"support/{number}.png")
        if number:
            Image.fromarray(image[::-1]).save(f"new/{number}.png")
    save_model(UniverSeg(ModelConfig(widths=(4, 4))), tmp_path / "w.safetensors")
    return tmp_path


def ran(*words, code=CODE):
    return subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)


REFUSED = {
    "gone: no such folder": ["-i", "new", "-s", "gone"],
    "gone2: no such folder": ["--check", "-s", "gone2"],
    "empty: no images found": ["--check", "-s", "empty"],
    "gone.png": ["-i", "gone.png", "-s", "support"],
    "empty: no images found (looked for": ["-i", "empty", "-s", "support"],
    "give at least one image to segment": ["-s", "support"],
    "choose another for the results": ["-i", "new", "-s", "support", "-o", "new"],
    "w.safetensors: is a file, not a folder": ["-i", "new", "-s", "support", "-o", "w.safetensors/out"],
    "gone.safetensors: no such file": ["-i", "new", "-s", "support", "-w", "gone.safetensors"],
    "gone.txt: no such file": ["-i", "new", "-s", "support", "--labels", "gone.txt"],
    "make --support-size smaller": ["-i", "new", "-s", "support", "--ensemble", "2"],
    "no image is DICOM": ["-i", "new", "-s", "support", "--format", "seg"],
    "invalid choice 'wrong'": ["-i", "new", "-s", "support", "--effort", "wrong"],
    "gone.zip: no such file": ["-i", "new", "-t", "gone.zip"],
}
ALL = """
import contextlib, io, json, sys
from universeg.__main__ import main
for words in json.loads(sys.argv[1]):
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.suppress(SystemExit):
        main(["predict", *words])
    print(json.dumps([said.getvalue(), "torch" in sys.modules]))
"""


def test_what_cannot_work_is_refused_before_torch_is_loaded(place):
    before = sorted(place.rglob("*"))
    done = ran(json.dumps([*REFUSED.values()]), code=ALL)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(told) == len(REFUSED), done.stderr
    for message, (said, torch_is_loaded) in zip(REFUSED, told, strict=True):
        assert message in said, said
        assert not torch_is_loaded, message
    assert sorted(place.rglob("*")) == before


def test_a_missing_package_is_told_once_before_the_work(place):
    hidden = "import sys; sys.modules['highdicom'] = None\n" + CODE
    dicom(place / "new.dcm", np.zeros((8, 8), np.uint8))
    done = ran("predict", "-i", "new.dcm", "-s", "support", "--format", "seg", code=hidden)
    assert done.stderr.count("pip install 'universeg[dicom-seg]'") == 1
    assert done.stderr.endswith("no torch\n")
    assert not (place / "results").exists()


def test_a_run_with_nothing_left_to_do_loads_no_torch(place):
    words = ["-i", "new", "-s", "support", "-w", "w.safetensors", "-o", "out", "--size", "32", "--device", "cpu"]
    main([*words, "-q"])
    first = {path: path.read_bytes() for path in (place / "out").rglob("*") if path.is_file()}
    done = ran("predict", *words, "--json")
    assert done.stderr == "no torch\n"
    assert done.stdout.encode() == (place / "out/report.json").read_bytes()
    assert {path: path.read_bytes() for path in (place / "out").rglob("*") if path.is_file()} == first
    one = ran("predict", *words, "-i", "new/2.png")
    assert "all images are segmented already, with the same examples and settings" in one.stderr
    assert one.stderr.endswith("no torch\n")
    assert "2.png" in one.stdout
    assert "1.png" not in one.stdout
    assert len(json.loads((place / "out/report.json").read_text())["results"]) == 2, "the report is as it was"
    (place / "out/report.html").unlink()
    main([*words, "-q"])
    assert (place / "out/report.html").is_file(), "a report that a stopped run could not write is written"


def test_names_beside_the_examples_are_part_of_what_a_result_depends_on(place, capsys):
    words = ["-i", "new/1.png", "-s", "support", "-w", "w.safetensors", "-o", "out", "--size", "32", "--no-confidence"]
    main([*words, "-q"])
    (place / "support/labels.txt").write_text("1 cell\n255 cell\n")
    main([*words, "-q"])
    report = json.loads((place / "out/report.json").read_text())
    assert list(report["results"][0]["marked"]) == ["cell"]
