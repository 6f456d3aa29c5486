"""MetaImage and NRRD: names of data files, directions that contradict each other, and what ITK prints."""

import os

import numpy as np
import pytest
import SimpleITK as sitk
from layouts import writers

from universeg.imageio.image import ImageError, extended
from universeg.imageio.library_warnings import printed_lines
from universeg.imageio.load import read_image, read_labels

VOLUME = np.arange(60, dtype=np.int16).reshape(5, 4, 3)


@pytest.mark.parametrize("ending", [".mhd", ".nhdr"])
def test_a_name_with_blanks(tmp_path, ending):
    path = tmp_path / f"case 1 b{ending}"
    writers.itk(path, VOLUME)
    assert b"case 1 b.raw" in path.read_bytes(), "the header names the file with the samples"
    np.testing.assert_array_equal(read_image(path).values, read_back(path))


def read_back(path):
    """The samples as ITK reads them, in RAS+ order; the files of these tests are in LPS+ order."""
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path))).T[::-1, ::-1]


@pytest.mark.parametrize("name", ["%s%s%s%n%n.raw", "a%03d.raw 1 3 1", "50%.raw"])
def test_a_pattern_as_the_name_of_the_samples_is_refused_before_itk_formats_it(tmp_path, name):
    writers.itk(tmp_path / "a.mhd", VOLUME)
    header = (tmp_path / "a.mhd").read_text()
    (tmp_path / "a.mhd").write_text(header.replace("a.raw", name))
    (tmp_path / "a.raw").rename(tmp_path / name)
    with pytest.raises(ImageError, match=r"a\.mhd: takes its samples from .* where ITK reads % as the number"):
        read_image(tmp_path / "a.mhd")


def with_letters(path, letters, matrix=True):
    writers.itk(path, VOLUME)
    data = path.read_bytes().replace(b"AnatomicalOrientation = RAI", b"AnatomicalOrientation = " + letters)
    data = data if matrix else data.replace(b"TransformMatrix = 1 0 0 0 1 0 0 0 1\n", b"")
    path.write_bytes(data)
    return read_image(path).notes


@pytest.mark.parametrize("matrix", [True, False])
def test_letters_that_contradict_the_matrix_are_told(tmp_path, matrix):
    for letters in (b"RAI", b"???"):
        notes = with_letters(tmp_path / "a.mha", letters, matrix)
        assert not notes or (letters == b"???" and not matrix and "where left and right are" in notes[0])
    for letters in (b"LAI", b"RPI", b"RAS", b"ARI"):
        (note,) = with_letters(tmp_path / "a.mha", letters, matrix)
        assert note == (
            f"its AnatomicalOrientation {letters.decode()} contradicts its TransformMatrix; the matrix was used"
        )


def test_letters_that_itk_writes_never_contradict_the_matrix(tmp_path):
    turn = np.deg2rad(40)
    oblique = [[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]]
    axes = [np.eye(3)[list(order)] for order in ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))]
    for directions in (*axes, *(np.diag([-1, 1, -1]) @ some for some in axes), np.array(oblique)):
        image = sitk.GetImageFromArray(VOLUME)
        image.SetDirection(directions.ravel().tolist())
        sitk.WriteImage(image, str(tmp_path / "a.mha"))
        assert read_image(tmp_path / "a.mha").notes == ()


def test_what_itk_prints_is_part_of_the_message_and_not_on_the_screen(tmp_path, capfd):
    writers.itk(tmp_path / "a.mhd", VOLUME)
    (tmp_path / "a.raw").write_bytes(b"1234")
    with pytest.raises(ImageError, match=r"a\.mhd: cannot be read as metaimage: .*data not read completely"):
        read_image(tmp_path / "a.mhd")
    assert capfd.readouterr().err == ""


def test_samples_that_cannot_be_decompressed_are_refused(tmp_path, capfd):
    """ITK prints so, and returns other samples."""
    writers.itk(tmp_path / "a.mhd", VOLUME, compressed=True)
    data = bytearray((tmp_path / "a.zraw").read_bytes())
    data[len(data) // 2] ^= 255
    (tmp_path / "a.zraw").write_bytes(data)
    with pytest.raises(ImageError, match=r"a\.mhd: cannot be read as metaimage: .*Uncompress failed"):
        read_image(tmp_path / "a.mhd")
    assert capfd.readouterr().err == ""


def test_what_a_library_prints_about_a_file_that_it_reads_is_a_note(tmp_path, capfd, monkeypatch):
    writers.itk(tmp_path / "a.mha", VOLUME)
    execute = sitk.ImageFileReader.Execute

    def talkative(reader):
        os.write(2, b"MetaImage: odd tag\n")
        return execute(reader)

    monkeypatch.setattr(sitk.ImageFileReader, "Execute", talkative)
    assert read_image(tmp_path / "a.mha").notes == ("the library that reads it warns: MetaImage: odd tag",)
    assert capfd.readouterr().err == ""


@pytest.fixture
def shared(monkeypatch):
    """Python writes to the same stream as C libraries, as in a program that is not a command of this package."""
    monkeypatch.setattr("universeg.imageio.library_warnings.python_writes_to_standard_error", lambda: True)


def test_lines_of_libraries_are_collected_and_others_appear_afterwards(capfd, shared):
    """A progress bar may be drawn by another thread meanwhile."""
    with printed_lines() as lines:
        os.write(2, b"MetaImage: a\n\x1b[2K 80%MetaImage: a\n")
        with printed_lines() as inner:
            os.write(2, b"GET /\nTIFFFillStrip: Read  error\n")
    assert (lines, inner) == (["MetaImage: a"], ["TIFFFillStrip: Read error"])
    assert capfd.readouterr().err == "\x1b[2K 80%GET /\n"


SHOWN_BY_VNL = (
    b"/build/vnl_svd.hxx: suspicious return value\n/build/vnl_svd.hxx: M is 2x2\nM = [ ...\n 1 0 \n 0 1\n ]\n"
)


@pytest.mark.parametrize(
    ("printed", "notes"),
    [
        (b"LZWDecode: Not enough data\n", ["LZWDecode: Not enough data"]),
        (b"Fax3DecodeRLE: Bad code\nFax3DecodeRLE: Bad code\n", ["Fax3DecodeRLE: Bad code"]),
        (b"horAcc8: wrong\nJPEGLib: wrong\n", ["horAcc8: wrong", "JPEGLib: wrong"]),
        (SHOWN_BY_VNL, ["/build/vnl_svd.hxx: suspicious return value", "/build/vnl_svd.hxx: M is 2x2"]),
    ],
)
def test_what_libraries_print_is_not_shown(capfd, shared, printed, notes):
    with printed_lines() as lines:
        os.write(2, printed)
    assert lines[: len(notes)] == notes
    assert capfd.readouterr().err == ""


def test_what_python_writes_meanwhile_is_shown(capfd, shared):
    written = b"ValueError: x\nuniverseg-predict: a.png: no mask\nLiTS: 3 scans\nM = 4\n/data/a.c.png: a mask\n"
    with printed_lines() as lines:
        os.write(2, written)
    assert lines == []
    assert capfd.readouterr().err.encode() == written


def test_a_segmentation_of_slicer_may_be_smaller_than_its_image(tmp_path):
    """3D Slicer ends the grid of a segmentation where its segments end."""
    sitk.WriteImage(sitk.GetImageFromArray(np.ascontiguousarray(VOLUME.T)), str(tmp_path / "image.nrrd"))
    mask = sitk.GetImageFromArray(np.ones((2, 2, 3), np.uint8))
    mask.SetOrigin((1, 2, 1))
    mask.SetMetaData("Segmentation_ReferenceImageExtentOffset", "1 2 1")
    sitk.WriteImage(mask, str(tmp_path / "mask.seg.nrrd"))
    image, labels = read_image(tmp_path / "image.nrrd"), read_labels(tmp_path / "mask.seg.nrrd")
    whole = extended(labels, image)
    assert labels.shape == (3, 2, 2)
    assert whole.shape == image.shape
    expected = np.zeros(VOLUME.shape)
    expected[1:4, 2:4, 1:3] = 1
    np.testing.assert_array_equal(whole.values, expected[::-1, ::-1])
    mask.EraseMetaData("Segmentation_ReferenceImageExtentOffset")
    sitk.WriteImage(mask, str(tmp_path / "cut.nrrd"))
    cut = read_labels(tmp_path / "cut.nrrd")
    assert extended(cut, image) is cut, "other masks may have lost their slices"
