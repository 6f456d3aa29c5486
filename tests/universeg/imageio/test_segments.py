"""DICOM segmentation objects as label maps: segments, places, overlaps, and slices without a frame."""

import numpy as np
import pytest
from dicom_files import dicom, item
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from pipeline.attrition import BadScan
from pipeline.labels import masks
from pipeline.labels.label_map import LabelRequest
from pipeline.labels.values import ValueLabels
from universeg.imageio.image import ImageError, LoadedImage, extended
from universeg.imageio.load import read_labels

BITS, MAP = "1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7"
NAMES = {1: "liver", 2: "tumour"}
IMAGE = LoadedImage(np.zeros((5, 4, 9)), (1.5, 1.5, 2.0), "scan", np.diag([1.5, 1.5, 2.0, 1.0]))


def frame(*corner):
    """A frame (row, column) with one marked pixel."""
    values = np.zeros((4, 5), np.uint8)
    values[corner] = 1
    return values


def seg(path, frames, names=NAMES, step=2.0, kind=BITS, sources=9, **attributes):
    """A SEG; `frames` are (segment, height in millimetres, values), and None leaves out what a frame can say."""
    measures = item(PixelSpacing=[1.5, 1.5], **({"SpacingBetweenSlices": step} if step else {}))
    shared = item(
        PixelMeasuresSequence=Sequence([measures]),
        PlaneOrientationSequence=Sequence([item(ImageOrientationPatient=[-1, 0, 0, 0, -1, 0])]),
    )
    groups = list[Dataset]()
    for number, height, _ in frames:
        place, group = item(ImagePositionPatient=[0, 0, height or 0]), Dataset()
        if height is not None:
            group.PlanePositionSequence = Sequence([place])
        if number is not None:
            group.SegmentIdentificationSequence = Sequence([item(ReferencedSegmentNumber=number)])
        groups.append(group)
    return dicom(
        path,
        np.stack([values for _, _, values in frames]),
        SOPClassUID=kind,
        SegmentSequence=Sequence([item(SegmentNumber=n, SegmentLabel=name) for n, name in names.items()]),
        ReferencedSeriesSequence=Sequence([item(ReferencedInstanceSequence=Sequence([Dataset()] * sources))]),
        SharedFunctionalGroupsSequence=Sequence([shared]),
        PerFrameFunctionalGroupsSequence=Sequence(groups),
        **{"SegmentationType": "BINARY", "NumberOfFrames": len(frames), **attributes},
    )


TWO = [(1, 4, frame(0, 0)), (1, 8, frame(1, 2)), (2, 8, frame(3, 4)), (2, 10, frame(2, 2))]


@pytest.mark.parametrize("step", [2.0, None])
@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 1, 0, 2)])
def test_each_segment_is_a_value_and_slices_without_a_frame_are_empty(tmp_path, step, order):
    labels = read_labels(seg(tmp_path / "a.dcm", [TWO[n] for n in order], step=step))
    expected = np.zeros((5, 4, 4), int)
    expected[0, 0, 0] = expected[2, 1, 2] = 1
    expected[4, 3, 2] = expected[2, 2, 3] = 2
    np.testing.assert_array_equal(labels.values, expected)
    assert labels.notes == ("its segments are 1 liver, 2 tumour",)
    np.testing.assert_allclose(labels.affine, [[1.5, 0, 0, 0], [0, 1.5, 0, 0], [0, 0, 2, 4], [0, 0, 0, 1]])
    whole = extended(labels, IMAGE)
    np.testing.assert_array_equal(whole.values[..., 2:6], expected)
    assert whole.shape == IMAGE.shape
    assert np.count_nonzero(whole.values) == 4


def test_the_pipeline_reads_each_segment_by_its_value(tmp_path):
    path = seg(tmp_path / "a.dcm", TWO)
    spec = ValueLabels(kind="values", path="x", names=NAMES)
    request = LabelRequest({"": (path,)}, "dicom")
    found = dict(masks(spec, request, IMAGE))
    assert {name: np.argwhere(mask).tolist() for name, mask in found.items()} == {
        "liver": [[0, 0, 2], [2, 1, 4]],
        "tumour": [[2, 2, 5], [4, 3, 4]],
    }
    assert request.findings.notes == [("its segments are 1 liver, 2 tumour", str(path))]
    short = LoadedImage(np.zeros((5, 4, 3)), (1.5, 1.5, 2.0), "scan", np.diag([1.5, 1.5, 2.0, 1.0]))
    with pytest.raises(BadScan, match="the label has 5 x 4 x 4 samples, its image 5 x 4 x 3"):
        dict(masks(spec, request, short))


def test_a_segment_on_a_single_slice_is_a_volume_if_its_series_is_one(tmp_path):
    labels = read_labels(seg(tmp_path / "a.dcm", [TWO[1]]))
    assert labels.shape == (5, 4, 1)
    assert np.argwhere(extended(labels, IMAGE).values).tolist() == [[2, 1, 4]]
    picture = read_labels(seg(tmp_path / "b.dcm", [TWO[1]], sources=1))
    np.testing.assert_array_equal(picture.values, frame(1, 2))


def test_segments_of_a_picture_that_lies_nowhere(tmp_path):
    frames = [(1, None, frame(0, 0)), (2, None, frame(1, 1))]
    labels = read_labels(seg(tmp_path / "a.dcm", frames, sources=1))
    np.testing.assert_array_equal(labels.values, frame(0, 0) + 2 * frame(1, 1))


def test_where_segments_overlap_the_smaller_one_is_used(tmp_path):
    large = np.ones((4, 5), np.uint8)
    labels = read_labels(seg(tmp_path / "a.dcm", [(2, 4, large), (1, 4, frame(1, 1)), (2, 6, large)]))
    assert np.argwhere(labels.values == 1).tolist() == [[1, 1, 0]]
    assert "samples in several segments: 1; there the smaller segment was used" in labels.notes


def test_shares_are_cut_at_half(tmp_path):
    shares = np.array([[0, 49, 51, 100]], np.uint8)
    path = seg(tmp_path / "a.dcm", [(3, 0, shares), (3, 2, shares)], {3: "x"}, SegmentationType="FRACTIONAL",
               MaximumFractionalValue=100)  # fmt: skip
    labels = read_labels(path)
    np.testing.assert_array_equal(labels.values[:, 0, 0], [0, 0, 3, 3])
    assert labels.notes == ("it holds shares of segments, so it was cut at half",)


def test_a_label_map_holds_the_numbers_of_its_segments(tmp_path):
    values = np.array([[0, 1, 2, 2]], np.uint8)
    labels = read_labels(seg(tmp_path / "a.dcm", [(None, 0, values), (None, 2, values[:, ::-1])], kind=MAP))
    np.testing.assert_array_equal(labels.values[:, 0], [[0, 2], [1, 2], [2, 1], [2, 0]])


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([(1, 0, frame(0, 0)), (None, 2, frame(0, 0))], "frame 2 does not say to which segment it belongs"),
        ([(1, 0, frame(0, 0)), (1, None, frame(0, 0))], "whose 2 frames do not all say where they lie"),
        ([(1, 0, frame(0, 0)), (1, 2, frame(0, 0)), (1, 5, frame(0, 0))], "frames are not evenly spaced"),
        ([(1, 0, frame(0, 0)), (1, 1e9, frame(0, 0))], "claims 500000001 slices of 4 x 5"),
    ],
)
def test_what_is_no_label_map_is_refused_by_name(tmp_path, frames, reason):
    with pytest.raises(ImageError, match=rf"a\.dcm: is a segmentation .*{reason}|a\.dcm: {reason}"):
        read_labels(seg(tmp_path / "a.dcm", frames))
