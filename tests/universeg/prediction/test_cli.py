import hashlib
import json
import warnings

import nibabel as nib
import numpy as np
import pytest
import torch
from PIL import Image

import universeg
from universeg.imageio.image import ImageError
from universeg.model import ModelConfig, UniverSeg, save_model
from universeg.prediction.cli import main
from universeg.prediction.ensemble import check_ensemble, draws
from universeg.prediction.predict import predict
from universeg.prediction.settings import Settings

RNG = np.random.default_rng(1)
SMALL = Settings(size=32)


class MeanMask(torch.nn.Module):
    """Stands in for a trained network: where the support masks are, so is the structure."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, query, support_images, support_masks):
        self.seen.append((query, support_images, support_masks))
        return support_masks.mean(1) * 20 - 10


def example(shape=(40, 60), shift=0):
    rows, columns = np.indices(shape)
    mask = ((rows - shape[0] / 2 - shift) / 9) ** 2 + ((columns - shape[1] / 2) / 14) ** 2 < 1
    return (80 + 100 * mask + RNG.normal(0, 8, shape)).astype(np.uint8), mask


def examples(count, shape=(40, 60)):
    return [list(parts) for parts in zip(*(example(shape, number == 1) for number in range(count)), strict=True)]


@pytest.fixture
def people(tmp_path, monkeypatch):
    """A folder as a person has it: weights, five labelled pictures, two new ones."""
    monkeypatch.chdir(tmp_path)
    save_model(UniverSeg(ModelConfig(widths=(4, 4))), tmp_path / "w.safetensors")
    for name in ("support", "new"):
        (tmp_path / name).mkdir()
    for number in range(5):
        image, mask = example()
        Image.fromarray(image).save(tmp_path / f"support/{number}.bmp")
        Image.fromarray(mask * np.uint8(255)).save(tmp_path / f"support/{number}.png")
    for name in ("a", "b"):
        Image.fromarray(example((50, 64))[0]).save(tmp_path / f"new/{name}.png")
    return tmp_path


@pytest.fixture
def stand_in(monkeypatch):
    network = MeanMask()
    monkeypatch.setattr("universeg.prediction.task.ready", lambda *_: network)
    return network


def command(*more, images="new", support="support"):
    main(["-w", "w.safetensors", "-i", images, "-s", support, "-o", "out", "--size", "32", "--device", "cpu", *more])


def test_an_array_in_a_probability_of_its_size_out():
    (query, *images), (truth, *masks) = examples(4)
    found = predict(query, images, masks, MeanMask(), SMALL)
    assert (found.shape, found.dtype) == (query.shape, np.float32)
    assert 0 <= found.min() <= found.max() <= 1
    assert 2 * ((found >= 0.5) & truth).sum() / ((found >= 0.5).sum() + truth.sum()) > 0.95


def test_the_network_gets_what_it_was_trained_on():
    (query, *images), (_, *masks) = examples(4)
    network = MeanMask()
    predict(query, images, masks, network, SMALL)
    ((seen, support, marked),) = network.seen
    assert (seen.shape, support.shape, marked.shape) == ((1, 1, 32, 32), (1, 3, 1, 32, 32), (1, 3, 1, 32, 32))
    assert seen.dtype == torch.float32
    assert 0 <= seen.min() < seen.max() <= 1
    assert set(marked.unique().tolist()) == {0.0, 1.0}


def test_intensity_range_and_colour_do_not_matter():
    (query, *images), (_, *masks) = examples(3)
    network = UniverSeg(ModelConfig(widths=(4, 4)))
    plain = predict(query, images, masks, network, SMALL)
    scaled = predict(query * 7.5 - 300, [np.stack([image] * 3, -1) for image in images], masks, network, SMALL)
    assert np.abs(plain - scaled).max() < 1e-3


def test_the_name_in_the_package_can_be_called_however_it_was_imported():
    (query, *images), (_, *masks) = examples(3)
    for _ in range(2):
        assert universeg.predict(query, images, masks, MeanMask(), SMALL).shape == query.shape


def test_doubtful_input_gives_python_warnings():
    images, masks = examples(3)
    with pytest.warns(UserWarning, match="also in the support set"):
        predict(images[0], images, masks, MeanMask(), SMALL)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        predict(example()[0], images, masks, MeanMask(), SMALL)


@pytest.mark.filterwarnings("ignore::UserWarning")  # images are alike, and masks moved aside
def test_an_ensemble_averages_named_draws():
    choice = Settings(support_size=3, ensemble=4)
    members = draws(10, choice)
    assert [len(set(member)) for member in members] == [3] * 4
    assert len({tuple(member) for member in members}) > 1
    assert all(np.array_equal(a, b) for a, b in zip(members, draws(10, choice), strict=True))
    (query, *images), (_, *masks) = examples(6)
    masks = [np.roll(mask, 4 * number, 1) for number, mask in enumerate(masks)]
    choice = Settings(size=32, support_size=2, ensemble=3)
    together = predict(query, images, masks, MeanMask(), choice)
    alone = [
        predict(query, [images[at] for at in member], [masks[at] for at in member], MeanMask(), SMALL)
        for member in draws(5, choice)
    ]
    assert np.abs(together - np.mean(alone, axis=0)).max() < 1e-5
    with pytest.raises(ImageError, match="more support images \\(5\\) than --support-size \\(64\\)"):
        check_ensemble(5, Settings(ensemble=2))


def test_everything_wrong_with_the_support_is_one_error():
    images, masks = examples(4)
    masks[1], images[2] = masks[1][:-1], np.zeros((40, 60), np.uint8)
    with pytest.raises(ImageError) as error:
        predict(example()[0], images, masks, MeanMask(), SMALL)
    assert "support image 2 has shape (40, 60) and its mask support mask 2 (39, 60)" in str(error.value)
    assert "support image 3: all intensities are 0" in str(error.value)
    with pytest.raises(ImageError, match=r"no support mask has the value 9 .* they have 0, 1"):
        predict(images[0], images[:1], masks[:1], MeanMask(), Settings(label=9))
    with pytest.raises(ImageError, match="got 2 and 1"):
        predict(images[0], images[:2], masks[:1], MeanMask())
    with pytest.raises(ImageError, match="for a volume pass its file"):
        predict(np.zeros((9, 9, 9)), images[:1], masks[:1], MeanMask())


def test_the_command_writes_masks_pictures_and_a_report(people, stand_in, capsys):
    command("--save-probabilities")
    names = [f"{q}_{what}" for q in "ab" for what in ("mask.png", "overlay.png", "probability.tif")]
    others = ["measurements.csv", "previews", "report.html", "report.json"]
    assert sorted(path.name for path in (people / "out").iterdir()) == [*names, *others]
    mask = np.asarray(Image.open(people / "out/a_mask.png"))
    assert mask.shape == (50, 64)
    assert set(np.unique(mask)) == {0, 255}
    report = json.loads((people / "out/report.json").read_text())
    assert report["weights"]["sha256"] == hashlib.sha256((people / "w.safetensors").read_bytes()).hexdigest()
    assert report["results"][0]["marked"] == {"structure": pytest.approx((mask > 0).mean())}
    assert len(report["support"]) == 5
    assert "Not a medical device" in report["notice"]
    assert "a_mask.png" in capsys.readouterr().out


@pytest.mark.slow
def test_the_command_with_the_real_network_repeats_itself(people):
    contents = []
    for _ in range(2):
        command("--quiet", "--support-size", "2", "--ensemble", "3", "--save-probabilities", "--overwrite")
        contents.append({p.name: p.read_bytes() for p in (people / "out").rglob("*") if p.is_file()})
    assert contents[0] == contents[1]


@pytest.mark.parametrize("slices", ["mid", "all"])
def test_volumes_come_back_in_their_own_frame(people, stand_in, slices):
    affine = np.array([[-2.0, 0, 0, 9], [0, 0, 1.5, 3], [0, 1, 0, 5], [0, 0, 0, 1]])
    for number in range(3):
        values, mask = example((20, 24))
        depth = np.arange(14)
        values = values[:, None, :] * np.ones((1, 14, 1))
        mask = (mask[:, None, :] & (np.abs(depth - 7) < 3)[:, None]).astype(np.uint8)
        for folder, what in (("vols/imagesTr", values), ("vols/labelsTr", mask)):
            (people / folder).mkdir(parents=True, exist_ok=True)
            tail = "_0000" if "images" in folder else ""
            nib.save(nib.Nifti1Image(what.astype(np.uint8), affine), people / folder / f"s{number}{tail}.nii.gz")
    query = people / "query.nii.gz"
    noisy = np.clip(values + RNG.normal(0, 5, values.shape), 0, 255).astype(np.uint8)
    nib.save(nib.Nifti1Image(noisy, affine), query)
    command("--slices", slices, "--save-probabilities", images=str(query), support="vols")
    found = nib.load(people / "out/query_mask.nii.gz")
    assert np.array_equal(found.affine, affine)
    inside = found.get_fdata() > 0
    truth = mask > 0
    if slices == "mid":
        assert np.flatnonzero(inside.any((0, 2))).tolist() == [7]
        inside, truth = inside[:, 7], truth[:, 7]
    else:
        (result,) = json.loads((people / "out/report.json").read_text())["results"]
        assert any("9 of 14 slices stay empty: no support image" in w for w in result["warnings"]), result["warnings"]
    assert 2 * (inside & truth).sum() / (inside.sum() + truth.sum()) > 0.85


def test_one_bad_query_does_not_stop_the_others_and_is_told(people, stand_in, capsys):
    Image.new("L", (20, 20), 7).save(people / "new/flat.png")
    with pytest.raises(SystemExit) as exit_:
        command()
    assert exit_.value.code == 1
    assert "not segmented: new/flat.png: all intensities are 7" in capsys.readouterr().err
    assert (people / "out/b_mask.png").exists()
    results = json.loads((people / "out/report.json").read_text())["results"]
    assert [bool(result["error"]) for result in results] == [False, False, True]


def test_warnings_are_told_and_reported(people, stand_in, capsys):
    Image.open(people / "support/0.bmp").save(people / "new/a.png")
    Image.new("1", (60, 40)).save(people / "support/1.png")
    command("-q")
    told = capsys.readouterr()
    assert told.out == ""
    assert "warning: a.png: this image is also in the support set (support/0.bmp)" in told.err
    assert "warning: support: 1 of 5 support masks are empty on the network's grid: support/1.bmp" in told.err
    noted = json.loads((people / "out/report.json").read_text())["results"][0]["warnings"]
    assert [any(words in note for note in noted) for words in ("support masks are empty", "also in the")] == [True] * 2


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("-o", "support"), "support: is the folder of the input images"),
        (("-o", "new"), "new: is the folder of the input images"),
        (("--label", "3"), "no support mask has the value 3"),
        (("--ensemble", "2"), "make --support-size smaller, or leave out --ensemble"),
        (("-w", "gone.safetensors"), "gone.safetensors: no such file"),
        (("-s", "gone"), "gone: no such folder"),
        (("-s", "w.safetensors"), "w.safetensors: is a file; the support set is a folder"),
        (("--frame", "1", "-i", "new/a.png"), "new/a.png: is a single image, without frames; leave out --frame"),
        (("-w", "junk.safetensors"), "junk.safetensors is not a readable .safetensors file"),
        (("--device", "nonsense"), "try --device cpu"),
        (("--size", "33"), "multiples of 2"),
    ],
)
def test_errors_are_one_message_and_status_1(people, capsys, more, message):
    (people / "junk.safetensors").write_text("junk")
    with pytest.raises(SystemExit) as exit_:
        command(*more)
    assert exit_.value.code == 1
    told = capsys.readouterr().err
    assert message in told
    assert "Traceback" not in told


def test_pictures_and_volumes_do_not_mix(people, stand_in, capsys):
    nib.save(nib.Nifti1Image(RNG.random((8, 8, 8)), np.eye(4)), people / "v.nii.gz")
    with pytest.raises(SystemExit):
        command(images="v.nii.gz")
    assert "v.nii.gz: the image is a volume, the support images are pictures" in capsys.readouterr().err


def test_a_support_set_of_pictures_and_volumes_is_refused_with_names(people, capsys):
    values = example((40, 60))[0][..., None] * np.ones((1, 1, 8), np.uint8)
    nib.save(nib.Nifti1Image(values, np.eye(4)), people / "support/v.nii.gz")
    nib.save(nib.Nifti1Image((values > 130).astype(np.uint8), np.eye(4)), people / "support/v_mask.nii.gz")
    for number in range(5):
        (people / f"support/{number}.png").rename(people / f"support/{number}_mask.png")
    with pytest.raises(SystemExit):
        command()
    said = "the support set has pictures (support/0.bmp and 4 more) and volumes (support/v.nii.gz); use one kind"
    assert said in capsys.readouterr().err


def test_a_mask_that_is_transposed_says_so():
    images, masks = examples(3)
    masks[1] = masks[1].T
    with pytest.raises(ImageError, match=r"support mask 2 \(60, 40\); the mask is turned or transposed; save it as"):
        predict(example()[0], images, masks, MeanMask(), SMALL)


def test_help_teaches(capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["--help"])
    assert exit_.value.code == 0
    told = capsys.readouterr().out
    for words in ("Not a medical device", "x_mask.png", "--label 255", "imagesTr"):
        assert words in told


def test_images_are_prepared_at_the_size_the_weights_were_trained_at(people):
    save_model(UniverSeg(ModelConfig(widths=(4, 4))), people / "sized.safetensors", {"size": "48"})
    for name, expected in (("sized", 48), ("w", 128)):
        main(["-w", f"{name}.safetensors", "-i", "new/a.png", "-s", "support", "-o", "out", "-q"])
        assert json.loads((people / "out/report.json").read_text())["settings"]["size"] == expected
