"""Exported masks are read back as what was painted, in every format."""

import csv

import nibabel as nib
import numpy as np
import pytest
from page_folders import paint, picture, session_of, write_volume
from PIL import Image

from universeg.app.choices import set_labels
from universeg.app.export import export
from universeg.app.state import Draft
from universeg.app.view import upright
from universeg.imageio.load import read_labels
from universeg.prediction.labels import Label

MASK = picture(0)[1].astype(np.uint8)


@pytest.mark.parametrize(
    ("form", "ending", "inside"),
    [("auto", ".png", 255), ("png", ".png", 255), ("tiff", ".tif", 255), ("nifti", ".nii.gz", 1), ("nrrd", ".nrrd", 1)],
)
def test_pictures(folder, form, ending, inside):
    session = session_of(folder)
    paint(session, "x0", MASK)
    (result,) = export(session, form, with_drafts=False)
    assert result.mask == str(folder / f"universeg-page/export/x0_mask{ending}")
    assert result.measures[0].pixels == MASK.sum()
    if ending in (".png", ".tif"):
        np.testing.assert_array_equal(np.array(Image.open(result.mask)), MASK * inside)
    if ending == ".nii.gz":
        np.testing.assert_array_equal(np.asarray(nib.load(result.mask).dataobj).squeeze(), MASK.T)
    if ending == ".png":
        np.testing.assert_array_equal(read_labels(folder / "universeg-page/export/x0_mask.png").values != 0, MASK)


@pytest.mark.parametrize(("form", "ending"), [("auto", ".nii.gz"), ("nrrd", ".nrrd"), ("mha", ".mha")])
def test_a_volume_keeps_its_grid(tmp_path, form, ending):
    affine = np.diag([-1.0, 1.0, 3.0, 1.0])
    affine[:3, 3] = 5, 6, 7
    ball = write_volume(tmp_path / "v.nii.gz", affine=affine)
    session = session_of(tmp_path)
    standing = ball[::-1]
    for row in (5, 6):
        paint(session, "v", upright(standing[:, :, row]), row)
    session.keep_draft("v", 7, upright(standing[:, :, 7]).astype(np.uint8), Draft(0.9, 0))
    (result,) = export(session, form, with_drafts=True)
    found = read_labels(tmp_path / f"universeg-page/export/v_mask{ending}")
    expected = np.zeros(ball.shape, np.uint8)
    expected[:, :, 5:8] = standing[:, :, 5:8]
    np.testing.assert_array_equal(found.values, expected)
    np.testing.assert_allclose(found.affine, read_labels(tmp_path / "v.nii.gz").affine)
    assert result.warnings == ("1 masks are drafts that nobody accepted",)
    (result,) = export(session, form, with_drafts=False)
    assert read_labels(tmp_path / f"universeg-page/export/v_mask{ending}").values.sum() == expected[:, :, 5:7].sum()


def test_several_labels_keep_their_values_names_and_colours(folder):
    session = session_of(folder)
    set_labels(session, [Label(2, "ring", (10, 20, 30)), Label(7, "core", (200, 0, 0))])
    values = MASK * 2
    values[:20][MASK[:20] > 0] = 7
    paint(session, "x0", values)
    (result,) = export(session, "auto", with_drafts=False)
    with Image.open(result.mask) as file:
        np.testing.assert_array_equal(np.array(file), values)
        assert file.getpalette()[21:24] == [200, 0, 0]
    assert '"ring"' in (folder / "universeg-page/export/labels.json").read_text()
    rows = list(csv.DictReader((folder / "universeg-page/export/measurements.csv").read_text("utf-8-sig").splitlines()))
    assert [(row["structure"], int(row["pixels"])) for row in rows] == [
        ("ring", (values == 2).sum()),
        ("core", (values == 7).sum()),
    ]


def test_a_film_is_one_file_again(tmp_path):
    pages = [Image.fromarray(picture(number)[0]) for number in range(3)]
    pages[0].save(tmp_path / "film.tif", save_all=True, append_images=pages[1:])
    session = session_of(tmp_path)
    paint(session, "film=frame0001", MASK)
    (result,) = export(session, "auto", with_drafts=False)
    with Image.open(result.mask) as film:
        film.seek(1)
        np.testing.assert_array_equal(np.array(film), MASK * 255)
        assert film.n_frames == 3


def test_one_image_that_cannot_be_written_costs_only_itself(folder):
    session = session_of(folder)
    for key in ("x0", "x1"):
        paint(session, key, MASK)
    (folder / "universeg-page/masks/x0/0000.png").write_bytes(b"damaged")
    first, second = export(session, "auto", with_drafts=False)
    assert "is damaged" in first.error
    assert not second.error
    assert all("not a DICOM series" in result.error for result in export(session, "seg", False)[1:])
