"""Small pictures show the mask, and the planes across a volume lie as its slices do."""

import io

import numpy as np
import pytest
from page_folders import paint, session_of, write_volume
from PIL import Image

from universeg.app.choices import set_settings
from universeg.app.thumbnail import LINE, PLANE_SIDE, plane_across, thumbnail
from universeg.app.view import upright
from universeg.prediction.settings import Settings


def pixels(jpeg):
    return np.array(Image.open(io.BytesIO(jpeg)).convert("RGB")).astype(int)


@pytest.mark.parametrize(("axis", "plane"), [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)])
def test_planes_across_show_the_same_voxels_and_where_the_slice_is(tmp_path, axis, plane):
    ball = write_volume(tmp_path / "v.nii.gz")
    session = session_of(tmp_path)
    set_settings(session, Settings(axis=axis))
    centre, shape, spacing = (10, 12, 6), ball.shape, (1, 1, 3)
    first, second = (k for k in range(3) if k != axis)
    place = shape[first] - 1 - centre[first], shape[second] - 1 - centre[second]
    row = shape[axis] - 2  # near one end, away from the ball
    found = pixels(plane_across(session, "v", row, plane, place))
    through = (first, second)[plane]
    across, up = (k for k in range(3) if k != through)
    extents = shape[across] * spacing[across], shape[up] * spacing[up]
    assert found.shape[1] / found.shape[0] == pytest.approx(extents[0] / extents[1], rel=0.03)
    assert max(found.shape[:2]) == PLANE_SIDE
    line = np.abs(found - LINE).sum(axis=2) < 90
    share = (row + 0.5) / shape[axis]
    if axis == up:
        assert np.argmax(line.sum(axis=1)) == pytest.approx(found.shape[0] * (1 - share), abs=2)
    else:
        assert np.argmax(line.sum(axis=0)) == pytest.approx(found.shape[1] * (1 - share), abs=2)
    rows, columns = np.nonzero((found.min(axis=2) > 180) & ~line)
    assert 1 - columns.mean() / found.shape[1] == pytest.approx((centre[across] + 0.5) / shape[across], abs=0.05)
    assert 1 - rows.mean() / found.shape[0] == pytest.approx((centre[up] + 0.5) / shape[up], abs=0.05)


def test_masks_are_outlined_where_they_are(tmp_path):
    ball = write_volume(tmp_path / "v.nii.gz")
    session = session_of(tmp_path)
    before = pixels(plane_across(session, "v", 6, 0, (10, 17)))
    for row in (5, 6, 7):
        paint(session, "v", upright(ball[:, :, row]), row)
    after = pixels(plane_across(session, "v", 6, 0, (10, 17)))
    changed = np.argwhere(np.abs(after - before).sum(axis=2) > 150)
    assert changed[:, 0].mean() / after.shape[0] == pytest.approx(0.5, abs=0.06), "slices 5 to 7 of 12"
    assert pixels(thumbnail(session, "v")).shape[:2] == (96, 77)


def test_a_picture_has_no_other_planes(folder, client):
    with pytest.raises(ValueError, match="plane is 0 or 1 of a volume"):
        plane_across(session_of(folder), "x0", 0, 0, (3, 3))
    assert client.get("/api/images/x0/slices/0/across?plane=0&x=1&y=1").status_code == 422
    assert client.get("/api/images/x0/slices/0/across?plane=a").status_code == 422
