"""Path patterns: which paths they match, which values their parts have, and which patterns are malformed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.manifest.path_pattern import PathPattern, natural_key, without_zeros

PATHS = [
    "Task/imagesTr/hip_001.nii.gz",
    "MSD/Task/imagesTr/hip_002.nii.gz",
    "Task/imagesTr/other.nii.gz",
    "Task/imagesTr/hip_003.nii.gz.bak",
    "p1/p1_de.nrrd",
    "p1/p2_de.nrrd",
    "a/b/c/scan.dcm",
]


def test_a_pattern_matches_below_any_leading_folders():
    found = {m.parts["s"]: m.root for m in PathPattern("Task/imagesTr/{s}.nii.gz", {"s": r"hip_\d+"}).matches(PATHS)}
    assert found == {"hip_001": "", "hip_002": "MSD/"}


def test_a_part_that_occurs_twice_has_the_same_value():
    assert [m.path for m in PathPattern("{id}/{id}_de.nrrd", {}).matches(PATHS)] == ["p1/p1_de.nrrd"]


def test_one_star_matches_within_a_name_and_two_stars_over_folders():
    assert [m.path for m in PathPattern("a/**/*.dcm", {}).matches(PATHS)] == ["a/b/c/scan.dcm"]
    assert not list(PathPattern("a/*.dcm", {}).matches(PATHS))


@pytest.mark.parametrize(
    ("text", "parts", "words"),
    [
        ("{a}/x", {"b": "y"}, r"no part \['b'\]"),
        ("{a", {}, "allowed only around the name"),
        ("{a}", {"a": "("}, "not a regular expression"),
    ],
)
def test_a_malformed_pattern_is_an_error(text, parts, words):
    with pytest.raises(ValueError, match=words):
        PathPattern(text, parts)


@given(st.text(st.characters(exclude_characters="{}*/", exclude_categories=["C"]), min_size=1))
def test_plain_text_matches_only_itself(name):
    pattern = PathPattern(f"{name}.png", {})
    assert [m.path for m in pattern.matches([f"{name}.png", f"x{name}.png", f"{name}xpng"])] == [f"{name}.png"]


def test_numbers_are_compared_and_sorted_without_leading_zeros():
    assert without_zeros("p007_00_x10") == without_zeros("p7_0_x10") == "p7_0_x10"
    assert sorted(["10", "2", "1b", "01a"], key=natural_key) == ["01a", "1b", "2", "10"]
