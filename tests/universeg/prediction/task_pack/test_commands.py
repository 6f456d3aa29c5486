"""info, merge and prune, and the use of a pack in universeg predict."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from task_pack_pictures import picture

from universeg.model import ModelConfig, UniverSeg, save_model
from universeg.prediction.cli import main as predict
from universeg.prediction.task_pack.pack_file import open_pack
from universeg.prediction.task_pack.prune import representatives
from universeg.prediction.task_pack.use import task_defaults, task_in


def facts_of(path):
    with open_pack(path) as pack:
        return pack.facts


@pytest.fixture
def packs(labelled, task, tmp_path):
    """Two packs of the labels a and b, which the second numbers the other way round; two examples are the same."""
    one = labelled(3, "one", labels=2, values=(0, 1, 2))
    two = labelled(3, "two", labels=2, first=1, values=(0, 2, 1))
    task("create", "one.zip", "--from", one, "--label-names", "a", "b", "--licence", "CC0", "--size", 64)
    task("create", "two.zip", "--from", two, "--label-names", "b", "a", "--licence", "MIT", "--source-note", "clinic")
    return tmp_path / "one.zip", tmp_path / "two.zip"


def test_merge(packs, task, tmp_path):
    status, _, told = task("merge", *packs, "-o", "both.zip")
    assert status == 0
    assert "dropped p1 of" in told
    assert "dropped p2 of" in told
    assert "the settings of" in told
    with open_pack(tmp_path / "both.zip") as pack:
        assert [label.name for label in pack.facts.labels] == ["a", "b"]
        assert [example.name for example in pack.facts.examples] == ["p0", "p1", "p2", "p3"]
        assert pack.facts.licences == ("CC0", "MIT")
        assert pack.facts.sources == ("clinic",)
        assert pack.settings.size == 64
        np.testing.assert_array_equal(pack.mask(pack.facts.examples[3]), picture(3, labels=2)[1])


def test_merge_keeps_another_mask_of_the_same_image_and_says_so(labelled, task, tmp_path):
    for name in ("one", "two"):
        folder = labelled(1, name)
        if name == "two":
            Image.fromarray(np.pad(np.full((4, 4), 255, np.uint8), ((0, 20), (0, 26)))).save(folder / "masks/p0.png")
        task("create", f"{name}.zip", "--from", folder, "--label-names", "cell")
    _, _, told = task("merge", "one.zip", "two.zip", "-o", "both.zip")
    assert "has the same image as p0 of one.zip, but another mask" in told
    assert [example.name for example in facts_of(tmp_path / "both.zip").examples] == ["p0", "p0-2"]


def test_merge_refuses_other_labels_by_name(packs, labelled, task, tmp_path):
    task("create", "three.zip", "--from", labelled(1, "three"), "--label-names", "c")
    status, _, told = task("merge", packs[0], "three.zip", "-o", "both.zip")
    assert status == 1
    assert "only the first has a, b, only the second has c" in told
    assert not (tmp_path / "both.zip").exists()
    assert task("merge", packs[0], "-o", "both.zip")[0] == 1


def weights(path, seed):
    model = UniverSeg(ModelConfig(widths=(4, 4)))
    with torch.no_grad():
        next(model.parameters()).add_(seed)
    save_model(model, path)
    return path


def test_merge_and_weights(labelled, task, tmp_path):
    for number, name in enumerate(("one", "two", "three")):
        words = ["--with-weights", weights(tmp_path / f"{name}.safetensors", number)] if number else []
        task("create", f"{name}.zip", "--from", labelled(1, name, first=number), "--label-names", "cell", *words)
    assert "have not seen the other examples" in task("merge", "one.zip", "two.zip", "-o", "x.zip")[2]
    assert facts_of(tmp_path / "x.zip").weights
    assert "adapt again" in task("merge", "two.zip", "three.zip", "-o", "y.zip")[2]
    assert facts_of(tmp_path / "y.zip").weights is None


@pytest.fixture
def alike(labelled):
    """Six examples, of which the first four are nearly the same."""
    folder = labelled(6)
    for number in (1, 2, 3):
        near = picture(0)[0].copy()
        near[0, 0] += number
        Image.fromarray(near).save(folder / f"images/p{number}.png")
        Image.fromarray(picture(0)[1] * np.uint8(255)).save(folder / f"masks/p{number}.png")
    return folder


def test_prune_says_which_examples_it_keeps(alike, task, tmp_path):
    task("create", "all.zip", "--from", alike)
    status, _, told = task("prune", "all.zip", "--keep", 3, "-o", "few.zip")
    assert status == 0
    kept = [example.name for example in facts_of(tmp_path / "few.zip").examples]
    assert len(kept) == 3
    assert {"p4", "p5"} < set(kept)
    assert f"kept 3: {', '.join(kept)}" in told
    assert "dropped 3: p" in told
    task("create", "kept.zip", "--from", alike, "--name", "few", "--keep", 3)
    assert [example.name for example in facts_of(tmp_path / "kept.zip").examples] == kept


def test_representatives_are_the_middles_of_groups():
    points = np.array([[0.0], [1.0], [2.0], [10.0], [11.0], [12.0], [13.0], [100.0]])
    assert representatives(points, 3) in ([1, 4, 7], [1, 5, 7])
    assert representatives(points, 1) in ([3], [4])
    assert representatives(points, 8) == list(range(8))
    assert sorted(set(representatives(np.zeros((3, 2)), 3))) == [0, 1, 2]


def test_info_checks_and_shows(packs, task, tmp_path):
    status, shown, _ = task("info", packs[1], "--picture", "sheet.png")
    assert status == 0
    for part in ("1 b, 2 a", "MIT", "clinic", "24 x 30", "digests of all members"):
        assert part in shown
    sheet = np.asarray(Image.open(tmp_path / "sheet.png").convert("RGB"))
    assert sheet.shape[1] > 3 * 180
    assert (sheet.max(2).astype(int) - sheet.min(2) > 60).any(), "outlines are in colour"


def test_info_shows_no_control_characters_of_a_stranger(labelled, task, tmp_path):
    task("create", "x.zip", "--from", labelled(1), "--licence", "\x1b[2J[red]evil")
    shown = task("info", "x.zip")[1]
    assert "\x1b" not in shown
    assert "[red]evil" in shown


@pytest.mark.parametrize(
    ("words", "path"),
    [
        (["-i", "x", "-t", "a.zip"], "a.zip"),
        (["--task", "a.zip"], "a.zip"),
        (["--task=a.zip"], "a.zip"),
        (["-t"], None),
        (["-i", "x"], None),
    ],
)
def test_the_task_of_a_command_line(words, path):
    found = task_in(words)
    assert (found and str(found)) == path


@pytest.fixture
def segmented(labelled, task, tmp_path, monkeypatch):
    """`segmented(out, words...)` segments a picture with small weights; returns the report."""
    monkeypatch.chdir(tmp_path)
    labelled(2, name="new", first=20)

    def run(out, *words):
        predict(["-i", "new/images", "-o", out, "--device", "cpu", "-q", *map(str, words)])
        return json.loads((tmp_path / out / "report.json").read_text())

    return run


@pytest.mark.slow
def test_predict_with_a_pack_is_predict_with_its_folder(segmented, labelled, task, tmp_path):
    folder, file = labelled(4, labels=2, values=(0, 1, 2)), weights(tmp_path / "w.safetensors", 0)
    words = ("--label-names", "a", "b", "--size", 32, "--intensity", "mr", "--with-weights", file)
    task("create", "t.zip", "--from", folder, *words)
    packed = segmented("packed", "-t", "t.zip")
    plain = segmented("plain", "-s", folder, "-w", file, "--size", 32, "--intensity", "mr")
    assert packed["support"][0]["image"] == "t.zip/images/p0.png"
    assert packed["weights"]["file"] == "t.zip/weights.safetensors"
    assert packed["weights"]["sha256"] == plain["weights"]["sha256"]
    assert packed["settings"] == plain["settings"]
    assert (packed["settings"]["size"], packed["settings"]["intensity"]) == (32, "mr")
    for name in ("p20", "p21"):
        images = [np.asarray(Image.open(tmp_path / out / f"{name}_mask.png")) for out in ("packed", "plain")]
        np.testing.assert_array_equal(images[0], images[1])
    assert json.loads((tmp_path / "packed/labels.json").read_text())["labels"][1]["name"] == "b"


def test_the_command_line_wins_over_the_pack(segmented, labelled, task, tmp_path):
    task(
        "create", "t.zip", "--from", labelled(3), "--size", 32, "--with-weights", weights(tmp_path / "w.safetensors", 0)
    )
    other = weights(tmp_path / "other.safetensors", 1)
    report = segmented("out", "--task=t.zip", "--size", 48, "-w", other)
    assert report["settings"]["size"] == 48
    assert report["weights"]["file"].endswith("other.safetensors")


def test_levers_travel_with_the_pack(labelled, task):
    task("create", "t.zip", "--from", labelled(2), "--refine", "--draws", 3)
    with task_defaults(["-t", "t.zip"]) as config:
        assert (config.effort.refine, config.effort.draws, config.effort.flips) == (True, 3, False)
        assert config.effort.does_something
    with task_defaults(["-s", "folder"]) as config:
        assert config is None


def test_a_pack_and_a_support_folder_are_one_too_many(segmented, labelled, task, tmp_path, capsys):
    folder = labelled(2)
    task("create", "t.zip", "--from", folder)
    with pytest.raises(SystemExit):
        segmented("out", "-t", "t.zip", "-s", folder)
    assert "not both" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        segmented("out", "-t", "missing.zip")
    assert "missing.zip: no such file" in capsys.readouterr().err
