"""Labelled images in the layouts of other programs become packs with the right pairs and names."""

import json
import shutil
import zipfile

import nibabel as nib
import numpy as np
import pytest
from PIL import Image
from task_pack_pictures import picture

from universeg.prediction.task_pack.pack_file import open_pack


@pytest.fixture
def nifti(tmp_path):
    """`nifti(path, number)` writes a small volume, or its mask; returns its values."""

    def write(path, number, values=(0, 1, 2), mask=False):
        path.parent.mkdir(parents=True, exist_ok=True)
        planes = [picture(number, labels=2)[int(mask)]] * 3
        content = np.array(values, np.uint8)[np.stack(planes, 2)] if mask else np.stack(planes, 2)
        nib.save(nib.Nifti1Image(content, np.diag([1, 1, 2, 1])), path)
        return content

    return write


def contents(path):
    """Label names, and the values of image and mask by the name of the example."""
    with open_pack(path) as pack:
        pairs = {one.name: (pack.image(one).values, pack.mask(one)) for one in pack.facts.examples}
        return [label.name for label in pack.facts.labels], pairs


@pytest.mark.parametrize("version", [1, 2])
def test_nnunet_raw(nifti, task, tmp_path, version):
    folder, suffix = tmp_path / "Dataset001_X", "" if version == 1 else "_0000"
    masks = {}
    for number in range(3):
        nifti(folder / f"imagesTr/case_{number}{suffix}.nii.gz", number)
        if version == 2:
            nifti(folder / f"imagesTr/case_{number}_0001.nii.gz", number + 50)
        masks[f"case_{number}"] = nifti(folder / f"labelsTr/case_{number}.nii.gz", number, mask=True)
    nifti(folder / f"imagesTr/alone{suffix}.nii.gz", 7)
    nifti(folder / "labelsTr/bare.nii.gz", 8, mask=True)
    labels = (
        {"background": 0, "anterior": 1, "posterior": 2}
        if version == 2
        else {"0": "background", "1": "anterior", "2": "posterior"}
    )
    channels = {"channel_names": {"0": "T2", "1": "ADC"}} if version == 2 else {"modality": {"0": "MRI"}}
    (folder / "dataset.json").write_text(json.dumps({"labels": labels, "licence": "CC-BY-SA 4.0", **channels}))
    status, _, told = task("create", "x.zip", "--from", folder)
    assert status == 0
    assert "1 masks without an image are left out: bare" in told
    assert ("only channel 0 of the images is used" in told) == (version == 2)
    names, pairs = contents(tmp_path / "x.zip")
    assert names == ["anterior", "posterior"]
    assert pairs.keys() == masks.keys()
    np.testing.assert_array_equal(pairs["case_1"][1], masks["case_1"])
    with open_pack(tmp_path / "x.zip") as pack:
        assert pack.facts.licences == ("CC-BY-SA 4.0",)
    if version == 2:
        assert task("create", "y.zip", "--from", folder, "--channel-number", 1)[0] == 0
        assert not np.array_equal(contents(tmp_path / "y.zip")[1]["case_1"][0], pairs["case_1"][0])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b" " * (5 << 20), "bytes of JSON; expected at most"),
        (b"[1]", "expected a JSON object"),
        (b"{", "not valid JSON"),
    ],
)
def test_nnunet_with_a_damaged_dataset_json(nifti, task, tmp_path, text, told):
    folder = tmp_path / "Dataset001_X"
    nifti(folder / "imagesTr/a_0000.nii.gz", 0)
    nifti(folder / "labelsTr/a.nii.gz", 0, mask=True)
    (folder / "dataset.json").write_bytes(text)
    status, _, error = task("create", "x.zip", "--from", folder)
    assert (status, told in error, "dataset.json" in error) == (1, True, True)


def test_nnunet_pictures_in_colour_have_one_file(task, tmp_path):
    folder = tmp_path / "Dataset002_Y"
    for name in ("imagesTr", "labelsTr"):
        (folder / name).mkdir(parents=True)
    image, mask = picture(1)
    Image.fromarray(np.dstack([image, image // 2, image])).save(folder / "imagesTr/a_0000.png")
    Image.fromarray(mask).save(folder / "labelsTr/a.png")
    facts = {
        "labels": {"background": 0, "x": 1},
        "channel_names": {"0": "R", "1": "G", "2": "B"},
        "file_ending": ".png",
    }
    (folder / "dataset.json").write_text(json.dumps(facts))
    status, _, told = task("create", "x.zip", "--from", folder)
    assert (status, "channel" in told) == (0, False)
    assert contents(tmp_path / "x.zip")[1]["a"][0].shape == (24, 30, 3)


@pytest.fixture
def bids(nifti, tmp_path):
    """A raw BIDS dataset, and derivatives with the masks of two structures."""
    raw = tmp_path / "bids"
    derived = raw / "derivatives/masks"
    for subject in ("01", "02"):
        for kind in ("T1w", "T2w"):
            nifti(raw / f"sub-{subject}/ses-1/anat/sub-{subject}_ses-1_{kind}.nii.gz", int(subject))
        for label, values in (("L", (0, 1, 0)), ("R", (0, 0, 1))):
            name = f"sub-{subject}_ses-1_label-{label}_desc-manual_mask.nii.gz"
            nifti(derived / f"sub-{subject}/ses-1/anat/{name}", int(subject), values, mask=True)
    for folder in (raw, derived):
        (folder / "dataset_description.json").write_text(json.dumps({"Name": "Brains", "License": "CC0"}))
    return derived


def test_bids_masks_of_structures(bids, task, tmp_path):
    status, _, told = task("create", "x.zip", "--from", bids)
    assert (status, "choose one with --suffix" in told) == (1, True)
    assert task("create", "x.zip", "--from", bids, "--suffix", "T1w")[0] == 0
    names, pairs = contents(tmp_path / "x.zip")
    assert names == ["L", "R"]
    assert list(pairs) == ["sub-01_ses-1", "sub-02_ses-1"]
    np.testing.assert_array_equal(pairs["sub-02_ses-1"][1][..., 0], picture(2, labels=2)[1])


def test_bids_derivatives_without_a_description_are_read(bids, task, tmp_path):
    (bids / "dataset_description.json").unlink()
    assert task("create", "x.zip", "--from", bids, "--suffix", "T1w")[0] == 0
    assert contents(tmp_path / "x.zip")[0] == ["L", "R"]


def test_bids_a_subject_without_all_masks_is_named_and_left_out(bids, task, tmp_path):
    next(bids.rglob("sub-01*label-R*")).unlink()
    _, _, told = task("create", "x.zip", "--from", bids, "--suffix", "T1w")
    assert "sub-01_ses-1 is left out: it has no mask of R" in told
    assert list(contents(tmp_path / "x.zip")[1]) == ["sub-02_ses-1"]


def test_bids_label_maps_with_a_table_and_images_elsewhere(bids, nifti, task, tmp_path):
    apart = tmp_path / "apart"
    nifti(apart / "sub-02/ses-1/anat/sub-02_ses-1_dseg.nii.gz", 2, (0, 4, 9), mask=True)
    (apart / "dataset_description.json").write_text("{}")
    (apart / "atlas_dseg.tsv").write_text("index\tname\n0\tnone\n4\tcaudate\n9\tputamen\n")
    status, _, told = task("create", "x.zip", "--from", apart, "--suffix", "T2w")
    assert (status, "--images FOLDER" in told) == (1, True)
    words = ("--images", bids.parents[1], "--suffix", "T2w")
    assert task("create", "x.zip", "--from", apart, *words)[0] == 0
    names, pairs = contents(tmp_path / "x.zip")
    assert names == ["caudate", "putamen"]
    assert set(np.unique(pairs["sub-02_ses-1"][1])) == {0, 1, 2}


@pytest.mark.parametrize("zipped", [False, True])
def test_slicer_multiverseg(task, tmp_path, zipped):
    folder = tmp_path / "kidney"
    folder.mkdir()
    for number in (0, 2, 10):
        image, mask = picture(number)
        Image.fromarray(np.dstack([image] * 3)).save(folder / f"image_{number}.png")  # as the extension writes them
        Image.fromarray(np.dstack([mask * np.uint8(255)] * 3)).save(folder / f"mask_{number}.png")
    shutil.copy(folder / "image_0.png", folder / "image_7.png")
    source = shutil.make_archive(str(folder), "zip", folder) if zipped else folder
    status, _, told = task("create", "x.zip", "--from", source, "--label-names", "kidney")
    assert status == 0
    assert "image_7.png" in told
    names, pairs = contents(tmp_path / "x.zip")
    assert names == ["kidney"]
    assert list(pairs) == ["image_0", "image_2", "image_10"]
    np.testing.assert_array_equal(pairs["image_10"][0], picture(10)[0])
    np.testing.assert_array_equal(pairs["image_10"][1], picture(10)[1])


def test_a_zip_file_that_is_no_slicer_task(task, tmp_path):
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("../image_0.png", b"x")
    status, _, told = task("create", "x.zip", "--from", "other.zip")
    assert (status, "leads out of the folder" in told) == (1, True)


@pytest.fixture
def results(labelled, tmp_path):
    """What universeg predict leaves: masks of two images, and an image that failed."""
    folder, images = tmp_path / "results", labelled(3, name="new") / "images"
    folder.mkdir()
    entries = [{"image": str(images / "p2.png"), "mask": "", "error": "no contrast"}]
    for number in (0, 1):
        Image.fromarray(picture(number)[1] * np.uint8(255)).save(folder / f"p{number}_mask.png")
        entries.append({"image": str(images / f"p{number}.png"), "mask": f"gone/p{number}_mask.png", "error": None})
    (folder / "report.json").write_text(json.dumps({"results": entries}))
    return folder


def test_accepted_results(results, task, tmp_path):
    assert "say which are good" in task("create", "x.zip", "--from", results)[2]
    assert "no result is named p9" in task("create", "x.zip", "--from", results, "--accept", "p0", "p9")[2]
    assert task("create", "x.zip", "--from", results, "--accept", "p1")[0] == 0
    assert list(contents(tmp_path / "x.zip")[1]) == ["p1"]
    assert task("create", "y.zip", "--from", results, "--accept", "*")[0] == 0
    assert list(contents(tmp_path / "y.zip")[1]) == ["p0", "p1"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--from", "nowhere"], "no such folder"),
        (["--from", "labelled", "--label-names", "a", "b"], "expected 1 --label-names, got 2"),
        (["--from", "labelled", "--label", "7"], "all masks are empty"),
        (["--from", "labelled", "--with-weights", "x.pt"], "cannot hold a program"),
        (["--from", "labelled", "--keep", "9"], "has 2 examples"),
    ],
)
def test_wrong_uses(labelled, task, tmp_path, words, told):
    labelled(2)
    status, _, error = task("create", "x.zip", *words)
    assert status == 1
    assert told in error
    assert not (tmp_path / "x.zip").exists()


def test_all_bad_images_are_listed_at_once(labelled, task, tmp_path):
    folder = labelled(4)
    (folder / "images/p0.png").write_bytes(b"broken")
    Image.fromarray(np.zeros((5, 5), np.uint8)).save(folder / "masks/p2.png")
    _, _, told = task("create", "x.zip", "--from", folder)
    assert "p0.png" in told
    assert "p2.png" in told
    assert "p1.png" not in told


def test_masks_that_mark_one_structure_by_different_values(labelled, task, tmp_path):
    folder = labelled(2)
    Image.fromarray(picture(0)[1]).save(folder / "masks/p0.png")  # 1 where the other has 255
    assert task("create", "x.zip", "--from", folder, "--label-names", "cell")[0] == 0
    names, pairs = contents(tmp_path / "x.zip")
    assert names == ["cell"]
    assert all(set(np.unique(mask)) == {0, 1} for _, mask in pairs.values())


def test_what_was_decided_about_masks_is_told(labelled, task, tmp_path):
    folder = labelled(5)
    for number in range(5):
        (folder / f"masks/p{number}.png").unlink()
        mask = np.zeros((64, 64), np.uint8)
        mask[20:40, 20:40] = 255
        Image.fromarray(mask).save(folder / f"masks/p{number}.jpg", quality=60)
        Image.fromarray(np.tile(np.arange(64, dtype=np.uint8), (64, 1))).save(folder / f"images/p{number}.png")
    _, _, told = task("create", "x.zip", "--from", folder)
    assert "p0: it has" in told
    assert "and 2 more notes" in told


def test_one_value_is_chosen_by_label(labelled, task, tmp_path):
    folder = labelled(2, labels=2, values=(0, 3, 9))
    assert task("create", "x.zip", "--from", folder, "--label", 9, "--label-names", "cell")[0] == 0
    names, pairs = contents(tmp_path / "x.zip")
    assert names == ["cell"]
    np.testing.assert_array_equal(pairs["p1"][1], picture(1, labels=2)[1] == 2)


def test_the_folder_around_a_dataset_can_be_given(nifti, task, tmp_path):
    """As the root of a BIDS dataset, and what `universeg task export` writes."""
    for number in range(3):
        scan = f"sub-{number}/anat/sub-{number}"
        nifti(tmp_path / f"bids/{scan}_T1w.nii.gz", number)
        nifti(tmp_path / f"bids/derivatives/manual/{scan}_dseg.nii.gz", number, mask=True)
    assert task("create", "bids.zip", "--from", tmp_path / "bids")[0] == 0
    _, made = contents(tmp_path / "bids.zip")
    assert len(made) == 3
    for kind in ("nnunet", "slicer"):
        assert task("export", "bids.zip", "--to", kind, "--output", tmp_path / kind)[0] == 0
    assert task("create", "again.zip", "--from", tmp_path / "nnunet")[0] == 0
    _, again = contents(tmp_path / "again.zip")
    assert {name: mask.tolist() for name, (_, mask) in again.items()} == {
        name: mask.tolist() for name, (_, mask) in made.items()
    }
    status, _, told = task("create", "two.zip", "--from", tmp_path / "slicer")
    assert status == 1, "it holds one task for each of the two structures"
    assert "holds several datasets" in told
