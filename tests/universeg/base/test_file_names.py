"""Names of files: safe on every system, different from each other, and the same where they were safe."""

import pytest

from universeg.base.file_names import file_names


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["scan_01", "a.b-c@2"], ["scan_01", "a.b-c@2"]),
        (["left part", "x/y\\z", "a\nb"], ["left_part", "x_y_z", "a_b"]),
        (["a", "A", "a"], ["a", "A-2", "a-3"]),
        (["..", "", " ", "-rf"], ["example", "example-2", "example-3", "x-rf"]),
        (["é" * 100], ["é" * 80]),
        (["a.", "b "], ["a", "b"]),
    ],
)
def test_file_names(names, expected):
    assert file_names(names) == expected
