"""The command as people use it: several structures, earlier results, refusals, Ctrl-C."""

import json
import re
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from PIL import Image

from universeg.imageio.load import read_labels
from universeg.model import ModelConfig, UniverSeg, save_model
from universeg.prediction.cli import main
from universeg.prediction.label_files import read_labels_file

RNG = np.random.default_rng(5)


class MeanMask(torch.nn.Module):
    """Stands in for a trained network: the structure is where most support masks are."""

    def __init__(self):
        super().__init__()
        self.shown = []

    def forward(self, query, support_images, support_masks):
        self.shown.append(support_masks[0, :, 0].numpy())
        return support_masks.mean(1) * 20 - 10


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Five labelled pictures with two structures, and two new ones."""
    monkeypatch.chdir(tmp_path)
    save_model(UniverSeg(ModelConfig(widths=(4, 4))), tmp_path / "w.safetensors")
    for folder in ("support/images", "support/masks", "new"):
        (tmp_path / folder).mkdir(parents=True)
    for number in range(5):
        image, mask = scene()
        Image.fromarray(image).save(tmp_path / f"support/images/{number}.png")
        Image.fromarray(mask).save(tmp_path / f"support/masks/{number}.png")
    for name in "ab":
        Image.fromarray(scene()[0]).save(tmp_path / f"new/{name}.png")
    return tmp_path


@pytest.fixture
def network(monkeypatch):
    found = MeanMask()
    monkeypatch.setattr("universeg.prediction.task.ready", lambda *_: found)
    return found


def scene(values=(1, 7)):
    mask = np.zeros((40, 60), np.uint8)
    mask[8:30, 10:30] = values[0]
    mask[12:24, 30:50] = values[1]
    return (40 + 25 * (mask > 0) + 60 * (mask == values[1]) + RNG.normal(0, 6, mask.shape)).astype(np.uint8), mask


def command(*more, images="new", support="support", output="out"):
    words = ["-w", "w.safetensors", "-i", images, "-s", support, "-o", output, "--size", "32", "--device", "cpu"]
    main([*words, "--no-confidence", *more])


def report():
    return json.loads(Path("out/report.json").read_text())


def dice(found, truth):
    return 2 * (found & truth).sum() / (found.sum() + truth.sum())


def test_several_structures_are_one_label_map_with_names_and_colours(place, network):
    (place / "names.txt").write_text("1 left lung\n7 heart 255 0 0\n")
    command("-q", "--labels", "names.txt", "--save-probabilities")
    found, truth = read_labels(place / "out/a_mask.png").values, scene()[1]
    assert set(np.unique(found)) == {0, 1, 7}
    assert all(dice(found == value, truth == value) > 0.9 for value in (1, 7))
    assert np.asarray(Image.open("out/a_mask.png").convert("RGB"))[18, 40].tolist() == [255, 0, 0]
    soft = [np.asarray(Image.open(f"out/a_probability_{name}.tif")) for name in ("left-lung", "heart")]
    assert np.max(soft[0] + soft[1]) <= 1 + 1e-6, "softmax over the structures and the outside"
    for name in ("labels.json", "labels_itksnap.txt", "labels_slicer.ctbl"):
        labels = read_labels_file(place / "out" / name)
        assert {value: labels[value].name.replace("_", " ") for value in labels} == {1: "left lung", 7: "heart"}
        assert labels[7].colour == (255, 0, 0)
    assert list(report()["results"][0]["marked"]) == ["left lung", "heart"]


def test_a_value_that_the_list_of_names_lacks_is_told(place, network, capsys):
    (place / "names.txt").write_text("1 left lung\n2 spleen\n")
    command("-q", "--labels", "names.txt")
    assert "the list of names has no name for 7; check it, or the masks" in capsys.readouterr().err
    assert list(report()["results"][0]["marked"]) == ["left lung", "label 7"]
    command("-q", "--labels", "names.txt", "--merge-labels", output="merged")
    assert "has no name" not in capsys.readouterr().err


def test_a_value_that_may_mark_what_nobody_labelled_is_told(place, network, capsys):
    for path in (place / "support/masks").iterdir():
        Image.fromarray(scene(values=(1, 255))[1]).save(path)
    said = "the value 255 of the masks is taken as a structure; if it marks what nobody labelled, set it to 0"
    command("-q")
    assert said in capsys.readouterr().err
    (place / "names.txt").write_text("1 left lung\n255 heart\n")
    command("-q", "--labels", "names.txt")
    command("-q", "--label", "1")
    assert said not in capsys.readouterr().err


def test_flags_that_change_nothing_are_told(place, network, capsys):
    command("-q", "--axis", "1", "--propagate", "--channel", "red")
    told = capsys.readouterr().err
    assert "warning: --axis, --propagate: no effect, since the examples are pictures\n" in told
    assert "warning: --channel red: no effect, since the examples are grey\n" in told
    command("-q", "--size", "48")
    assert "no effect" not in capsys.readouterr().err


def test_a_format_that_cannot_hold_the_image_is_told_before_the_work(place, network, capsys):
    for number in range(2):
        image, mask = solid(seed=number)
        volume(place / f"vols/imagesTr/{number}.nii.gz", image)
        volume(place / f"vols/labelsTr/{number}.nii.gz", mask)
    volume(place / "q.nii.gz", solid(seed=9)[0])
    with pytest.raises(SystemExit):
        command("-q", "--format", "png", images="q.nii.gz", support="vols")
    assert "q.nii.gz: is a volume, which png cannot hold; use --format nifti" in capsys.readouterr().err
    assert not network.shown


@pytest.mark.slow
def test_one_value_of_several_and_all_values_as_one(place, network):
    truth = scene()[1]
    command("-q", "--label", "7")
    assert dice(read_labels(place / "out/a_mask.png").values == 255, truth == 7) > 0.9
    command("-q", "--merge-labels")
    assert dice(read_labels(place / "out/a_mask.png").values == 255, truth > 0) > 0.9


def test_a_folder_for_each_structure_names_it(place, network):
    for path in sorted((place / "support/masks").iterdir()):
        mask = np.asarray(Image.open(path))
        for name, value in (("lung", 1), ("heart", 7)):
            (place / "support/masks" / name).mkdir(exist_ok=True)
            Image.fromarray((mask == value) * np.uint8(255)).save(place / "support/masks" / name / path.name)
        path.unlink()
    command("-q")
    assert [label["name"] for label in report()["structures"]] == ["heart", "lung"]
    found, truth = read_labels(place / "out/a_mask.png").values, scene()[1]
    assert dice(found == 1, truth == 7) > 0.9
    assert dice(found == 2, truth == 1) > 0.9


def test_masks_of_one_value_each_are_one_structure_unless_named(place, network, capsys):
    for number, path in enumerate(sorted((place / "support/masks").iterdir())):
        Image.fromarray((scene()[1] == 1) * np.uint8(1 + number % 2)).save(path)
    command("-q")
    assert "each mask has one value, but not the same (1, 2): all are taken as one structure" in capsys.readouterr().err
    assert len(report()["structures"]) == 1
    (place / "support/dataset.json").write_text(json.dumps({"labels": {"background": 0, "cat": 1, "dog": 2}}))
    command("-q")
    assert [label["name"] for label in report()["structures"]] == ["cat", "dog"]


@pytest.mark.slow
def test_finished_images_are_kept_until_something_changes(place, network, capsys):
    command()
    first = (place / "out/report.json").read_bytes()
    passes = len(network.shown)
    command()
    assert len(network.shown) == passes
    assert "(kept)" in capsys.readouterr().out
    assert (place / "out/report.json").read_bytes() == first
    (place / "out/b_mask.png").unlink()
    command("-q")
    assert len(network.shown) == passes * 3 // 2, "only the missing one is made again"
    for change in (["--overwrite"], ["--seed", "1"], ["--save-probabilities"]):
        before = len(network.shown)
        command("-q", *change)
        assert len(network.shown) == before + passes, change
    Image.fromarray(scene()[1]).save(place / "support/masks/0.png")
    Image.fromarray(scene()[0]).save(place / "new/a.png")
    before = len(network.shown)
    command("-q", "--save-probabilities")
    assert len(network.shown) == before + passes // 2


def test_after_ctrl_c_finished_images_are_kept_and_the_message_is_a_sentence(place, network, monkeypatch, capsys):
    forward = network.forward

    def stops(*tensors):
        if len(network.shown) == 2:  # two structures of the first image
            raise KeyboardInterrupt
        return forward(*tensors)

    monkeypatch.setattr(network, "forward", stops)
    with pytest.raises(SystemExit) as stopped:
        command("-q")
    assert stopped.value.code == 130
    assert capsys.readouterr().err.endswith("interrupted; finished images are kept; run again for the others\n")
    assert [Path(result["image"]).name for result in report()["results"]] == ["a.png"]
    monkeypatch.setattr(network, "forward", forward)
    command("-q")
    assert len(network.shown) == 4
    assert [Path(result["image"]).name for result in report()["results"]] == ["a.png", "b.png"]


@pytest.mark.parametrize("output", ["support", "support/images", "support/masks", "support/results", "new"])
def test_results_beside_inputs_are_refused_before_anything_is_written(place, network, capsys, output):
    before = sorted(place.rglob("*"))
    with pytest.raises(SystemExit):
        command("-q", output=output)
    assert "choose another for the results" in capsys.readouterr().err
    assert sorted(place.rglob("*")) == before
    assert not network.shown


def test_json_goes_to_standard_output_alone(place, network, capsys):
    command("--json")
    assert json.loads(capsys.readouterr().out) == report()


def test_verbose_shows_pairs_and_times(place, network, capsys):
    command("-v", "--context", "support")
    told = capsys.readouterr().err
    assert "pair: support/images/0.png with support/masks/0.png" in told
    assert re.search(r"new/a\.png: \d+\.\d s", told)


def test_colours_are_told_once_and_a_channel_can_be_chosen(place, network, capsys):
    for path in [*(place / "support/images").iterdir(), *(place / "new").iterdir()]:
        grey = np.asarray(Image.open(path))
        noise = RNG.integers(0, 255, grey.shape, np.uint8)
        Image.fromarray(np.dstack([noise, grey, noise])).save(path)
    command("-q")
    told = capsys.readouterr().err
    said = "the picture has colours, and the network sees only its luminance; --channel chooses another"
    assert told.count(said) == 2, "once for examples, once for images"
    command("-q", "--channel", "green")
    assert report()["settings"]["channel"] == "green"


def volume(path, values, spacing=(1, 1, 1)):
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(values.astype(np.uint8), np.diag([*spacing, 1])), path)


def solid(slices=12, seed=0):
    at = np.indices((20, 24, slices))
    mask = ((at[0] - 9) / 6) ** 2 + ((at[1] - 12) / 7) ** 2 + ((at[2] - slices / 2) / (slices / 3)) ** 2 < 1
    return 60 + 90 * mask + np.random.default_rng(seed).normal(0, 5, mask.shape), mask


def test_masks_on_separate_slices_say_the_plane_and_which_slices_are_examples(place, network, capsys):
    for number in range(3):
        image, mask = solid(seed=number)
        drawn = np.zeros_like(mask)
        drawn[:, [8, 12, 16]] = mask[:, [8, 12, 16]]
        volume(place / f"vols/imagesTr/{number}.nii.gz", image)
        volume(place / f"vols/labelsTr/{number}.nii.gz", drawn)
    image, mask = solid(seed=9)
    volume(place / "q.nii.gz", image)
    command(images="q.nii.gz", support="vols")
    told = capsys.readouterr().err
    assert "slices are coronal (--axis 1): the support masks are drawn on separate slices of this plane" in told
    assert "slices that serve as examples, by support volume: 3 of 24, 3 of 24, 3 of 24" in told
    assert all(shown.any(axis=(1, 2)).all() for shown in network.shown), "a slice that nobody labelled is not shown"
    found = nib.load("out/q_mask.nii.gz").get_fdata() > 0
    assert found.any(axis=(0, 2)).sum() == 24, "every slice of the image is segmented"


def test_thick_slices_say_the_plane(place, network, capsys):
    for number in range(2):
        image, mask = solid(seed=number)
        for folder, what in (("imagesTr", image), ("labelsTr", mask)):
            volume(place / f"vols/{folder}/{number}.nii.gz", np.moveaxis(what, 2, 0), (5, 1, 1))
    volume(place / "q.nii.gz", np.moveaxis(solid(seed=9)[0], 2, 0), (5, 1, 1))
    command("--save-consistency", images="q.nii.gz", support="vols")
    told = capsys.readouterr().err
    assert "slices are sagittal (--axis 0): the scans have their thickest slices along it" in told
    assert "stay empty: no support image has the structure at that relative height" in told
    agreement = nib.load("out/q_consistency.nii.gz").get_fdata()
    assert agreement.shape == (12, 20, 24)
    assert agreement.min() < 0.6 < agreement.max() == 1
    assert agreement[6].mean() > agreement[2].mean(), "neighbours differ most where the structure begins"
    command("--axis", "2", images="q.nii.gz", support="vols", output="out2")
    told = capsys.readouterr().err
    assert "slices are axial (--axis 2): as --axis says" in told
    assert "no effect" not in told


def test_propagation_shows_each_confident_slice_to_the_next(place, network):
    for number in range(2):
        image, mask = solid(seed=number)
        volume(place / f"vols/imagesTr/{number}.nii.gz", image)
        volume(place / f"vols/labelsTr/{number}.nii.gz", mask)
    volume(place / "q.nii.gz", solid(seed=9)[0])
    command("-q", images="q.nii.gz", support="vols")
    alone = [len(shown) for shown in network.shown]
    network.shown.clear()
    command("-q", "--propagate", images="q.nii.gz", support="vols")
    more = [len(shown) for shown in network.shown]
    assert len(alone) == len(more)
    assert more[0] == max(alone), "it starts where the support marks most"
    assert sum(more) == sum(alone) + len(more) - 1, "each later slice has one more example"
