"""Path patterns: which paths they match, which values their parts have, and which patterns are malformed."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.manifest.path_pattern import PathPattern, natural_key, same_but_for_zeros, without_zeros

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


@pytest.mark.parametrize("path", ["a/P.NII.GZ", "a/P.Nii.gz"])
def test_the_ending_matches_in_capitals_but_the_name_does_not(path):
    assert PathPattern("a/P.nii.gz", {}).fits(path)
    assert PathPattern("a/{n}.nii.gz", {}).fits(path)
    assert not PathPattern("a/p.nii.gz", {}).fits(path)
    assert not PathPattern("a/P.nii", {}).fits(path)


@pytest.mark.parametrize(("pattern", "path"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_accents_match_in_both_encodings(pattern, path):
    one, other = (unicodedata.normalize(form, "é") for form in (pattern, path))
    (match,) = PathPattern(f"{one}/{{n}}{one}.png", {"n": f"{one}."}).matches([f"{other}/{other}1{other}.png"])
    assert match.path == f"{other}/{other}1{other}.png"
    assert match.parts == {"n": "\xe91"}


def test_zeros_before_numbers_do_not_make_texts_differ():
    assert same_but_for_zeros("p007_1", "p7_1")
    assert same_but_for_zeros("p7", "p7")
    assert not same_but_for_zeros("p7", "p8")
    assert not same_but_for_zeros("0a01", "00a1"), "hexadecimal numbers of one length"


def test_numbers_are_compared_and_sorted_without_leading_zeros():
    assert without_zeros("p007_00_x10") == without_zeros("p7_0_x10") == "p7_0_x10"
    assert sorted(["10", "2", "1b", "01a"], key=natural_key) == ["01a", "1b", "2", "10"]
