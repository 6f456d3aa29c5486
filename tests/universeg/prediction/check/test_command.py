"""`universeg predict --check` and `--fix`, as a person types them."""

import json

import numpy as np
import pytest
import torch
from bright_ellipses import picture
from PIL import Image

from universeg.model import ModelConfig, UniverSeg, save_model
from universeg.prediction.check.findings import Finding
from universeg.prediction.cli import main


class Bright(torch.nn.Module):
    """Stands in for a trained network: marks what is as bright as the inside of the masks."""

    def forward(self, query, images, masks):
        inside = (images * masks).sum() / masks.sum()
        outside = (images * (1 - masks)).sum() / (1 - masks).sum()
        return (query - (inside + outside) / 2) * torch.sign(inside - outside) * 40


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with six labelled pictures and a new one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("universeg.prediction.task.ready", lambda *_: Bright())
    save_model(UniverSeg(ModelConfig(widths=(4, 4))), tmp_path / "w.safetensors")
    for name in ("support", "new"):
        (tmp_path / name).mkdir()
    for number in range(6):
        image, mask = picture(number)
        Image.fromarray(image).save(tmp_path / f"support/{number}.png")
        Image.fromarray(mask * np.uint8(255)).save(tmp_path / f"support/{number}_mask.png")
    Image.fromarray(picture(20)[0]).save(tmp_path / "new/a.png")
    return tmp_path


def command(*more):
    main(["-w", "w.safetensors", "-s", "support", "-o", "out", "--size", "64", "--device", "cpu", *more])


def invert(path):
    with Image.open(path) as mask:
        inverted = mask.point(lambda value: 255 - value)
    inverted.save(path)


def test_check_needs_no_images_and_writes_a_picture(folder, capsys):
    command("--check")
    told = capsys.readouterr()
    assert "Expected Dice" in told.out
    assert "example, the worst first" in told.out
    assert "Dice by number of examples" in told.out
    assert "Nothing looks wrong with the examples" in told.out
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["check.json", "check.png"]
    with Image.open(folder / "out/check.png") as shown:
        assert shown.width > 500
    assert len(json.loads((folder / "out/check.json").read_text())["examples"]) == 6


def test_check_tells_what_was_fixed(folder, capsys):
    invert(folder / "support/2_mask.png")
    command("--check", "--fix")
    assert "fixed: exchanged inside and outside: 2.png" in capsys.readouterr().out


def test_check_as_json_is_all_that_is_written_to_the_output(folder, capsys):
    command("--check", "--json", "--influence")
    found = json.loads(capsys.readouterr().out)
    assert found["expected_dice"] > 80
    assert len(found["influence"]) == 6


def test_results_say_what_to_expect(folder, capsys):
    command("-i", "new")
    told = capsys.readouterr()
    assert "Expected Dice" in told.err
    assert "expected Dice" in told.out
    report = json.loads((folder / "out/report.json").read_text())
    assert report["check"]["expected_dice"] > 80
    (result,) = report["results"]
    assert 50 < result["expected_dice"] <= 100
    assert result["measures"][0]["pixels"] > 100
    names = {path.name for path in (folder / "out").iterdir()}
    assert {"report.html", "measurements.csv", "previews", "a_mask.png"} <= names


def test_a_second_run_keeps_results_with_their_measures(folder):
    command("-i", "new")
    first = (folder / "out/report.html").read_bytes(), (folder / "out/measurements.csv").read_bytes()
    command("-i", "new")
    assert ((folder / "out/report.html").read_bytes(), (folder / "out/measurements.csv").read_bytes()) == first


def test_without_confidence_nothing_is_expected(folder):
    command("-i", "new", "--no-confidence")
    report = json.loads((folder / "out/report.json").read_text())
    assert report["check"]["expected_dice"] is None
    assert report["results"][0]["expected_dice"] is None


def test_what_is_wrong_with_all_images_together_is_told_once(folder, capsys, monkeypatch):
    for number in range(20, 31):
        Image.fromarray(picture(number)[0]).save(f"new/{number}.png")
    (folder / "new/a.png").unlink()
    asked = []

    def another_zoom(images, examples):
        asked.append((len(images), len(examples)))
        return [Finding("it is another zoom", "crop them")]

    monkeypatch.setattr("universeg.prediction.check.query_doctor.zoom_findings", another_zoom)
    command("-i", "new", "-q")
    assert asked == [(10, 6), (11, 6)], "early, and at the end"
    assert capsys.readouterr().err.count("warning: images: it is another zoom; crop them\n") == 1
    results = json.loads((folder / "out/report.json").read_text())["results"]
    assert [sum("another zoom" in one for one in result["warnings"]) for result in results] == [1] * 11


def test_turned_masks_are_told_and_turned_on_request(folder, capsys):
    for path in folder.glob("support/*_mask.png"):
        with Image.open(path) as mask:
            turned = mask.transpose(Image.Transpose.ROTATE_90)
        turned.save(path)
    command("-i", "new", "-q")
    said = "they look turned or mirrored against their images; turned by 90 degrees clockwise they follow the edges"
    assert said in capsys.readouterr().err
    command("--check", "--fix")
    told = capsys.readouterr().out
    assert "fixed: turned or mirrored the masks: all examples" in told
    assert "Nothing looks wrong with the examples" in told


def test_an_inverted_mask_is_told_and_fixed_on_request(folder, capsys):
    mask = folder / "support/2_mask.png"
    invert(mask)
    before = mask.read_bytes()
    command("-i", "new", "-q")
    assert "1 of 6 masks look inverted: 2.png" in capsys.readouterr().err
    command("-i", "new", "--fix")
    assert "fixed: exchanged inside and outside: 2.png" in capsys.readouterr().err
    report = json.loads((folder / "out/report.json").read_text())
    assert report["check"]["fixed"] == ["exchanged inside and outside: 2.png"]
    assert report["check"]["findings"] == []
    assert mask.read_bytes() == before


def test_uncertainty_on_request(folder):
    command("-i", "new", "--save-uncertainty")
    with Image.open(folder / "out/a_uncertainty.tif") as file:
        values = np.asarray(file)
    assert values.shape == (64, 64)
    assert 0 <= values.min() < 0.5 < values.max() <= 1


def test_images_are_needed_without_check(folder, capsys):
    with pytest.raises(SystemExit):
        command()
    assert "or --check" in capsys.readouterr().err
