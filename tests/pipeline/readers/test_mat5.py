"""MATLAB files of version 5: the same arrays as SciPy reads, and an error where SciPy ends the process."""

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from pipeline.attrition import BadScan
from pipeline.readers import Pick, read
from universeg.base.rng import rng_for

KINDS = ["u1", "i1", "u2", "i2", ">i2", "u4", "i4", "u8", "i8", "f4", "f8", ">f8", "bool"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("shape", [(1, 1), (3, 1), (5, 6), (5, 6, 7)])
def test_arrays_are_as_scipy_reads_them(tmp_path, kind, compressed, shape):
    values = (rng_for("mat", shape).random(shape) * 100).astype(kind)
    others = {"before": np.arange(3.0), "text": "words", "cell": np.array([1, "x"], object), "complex": np.array([1j])}
    savemat(tmp_path / "m.mat", {**others, "a": values}, do_compression=compressed)
    found = read("matlab", tmp_path / "m.mat", Pick("a")).values
    expected = loadmat(tmp_path / "m.mat")["a"]
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == expected.dtype.newbyteorder("=")


@pytest.mark.parametrize("version", ["4", "5"])
def test_versions_4_and_5(tmp_path, version):
    values = np.arange(12, dtype=np.float64).reshape(3, 4)
    savemat(tmp_path / "m.mat", {"a": values, "b": values}, format=version)
    np.testing.assert_array_equal(read("matlab", tmp_path / "m.mat", Pick("a")).values, values)
    with pytest.raises(BadScan, match="has no array 'c'; its arrays: a, b"):
        read("matlab", tmp_path / "m.mat", Pick("c"))


def test_a_small_type_for_an_array_of_doubles(tmp_path):
    """MATLAB stores doubles that are whole numbers in fewer bytes."""
    savemat(tmp_path / "m.mat", {"a": np.array([[7, 8, 9, 10, 11]], np.uint8)})
    data = (tmp_path / "m.mat").read_bytes()
    flags = data.index(b"\6\0\0\0\x08\0\0\0\x09") + 8
    (tmp_path / "m.mat").write_bytes(data[:flags] + b"\6" + data[flags + 1 :])
    np.testing.assert_array_equal(read("matlab", tmp_path / "m.mat", Pick("a")).values, [[7, 8, 9, 10, 11]])


VOLUME = np.arange(14 * 12 * 9, dtype=np.uint8).reshape(14, 12, 9)


@pytest.mark.parametrize(
    ("at", "data", "message"),
    [
        (0xB8, b"\xbf\xf0\0\0", "type 61631"),  # of the samples; SciPy takes it as an index
        (0xB8, b"\x0a\0\0\0", "type 10"),
        (0xB8, b"\x7f\x80\0\0", "type 32895"),
        (0xA0, b"\xff\xff\xff\xff", "invalid shape"),
        (0xA4, b"\x09\x20\0\0", "bytes for"),
        (0xBC, b"\xff\xff\xff\x7f", "has an element of 2147483647 bytes, but ends after"),
        (0x90, b"\x04", "has no array 'a'|not an array of real numbers"),
        (126, b"XX", "is not a MATLAB file of version 5 to 7.3"),
    ],
)
def test_a_damaged_file_is_an_error(tmp_path, at, data, message):
    savemat(tmp_path / "m.mat", {"a": VOLUME})
    raw = (tmp_path / "m.mat").read_bytes()
    (tmp_path / "m.mat").write_bytes(raw[:at] + data + raw[at + len(data) :])
    with pytest.raises(BadScan, match=message):
        read("matlab", tmp_path / "m.mat", Pick("a"))


def test_cut_samples_are_an_error(tmp_path):
    savemat(tmp_path / "m.mat", {"a": VOLUME}, do_compression=True)
    data = (tmp_path / "m.mat").read_bytes()
    size = int.from_bytes(data[132:136], "little") - 20
    (tmp_path / "m.mat").write_bytes(data[:132] + size.to_bytes(4, "little") + data[136 : 136 + size])
    with pytest.raises(BadScan, match="ends in the middle of compressed samples"):
        read("matlab", tmp_path / "m.mat", Pick("a"))


@pytest.mark.parametrize(
    ("value", "message"), [("words", "not an array of real"), (np.array([[1j]]), "not an array of real")]
)
def test_other_variables_are_refused_by_name(tmp_path, value, message):
    savemat(tmp_path / "m.mat", {"a": value})
    with pytest.raises(BadScan, match=message):
        read("matlab", tmp_path / "m.mat", Pick("a"))
