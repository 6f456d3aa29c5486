import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.manifest.path_pattern import Template

PATHS = [
    "Task/imagesTr/hip_001.nii.gz",
    "MSD/Task/imagesTr/hip_002.nii.gz",
    "Task/imagesTr/other.nii.gz",
    "Task/imagesTr/hip_003.nii.gz.bak",
    "p1/p1_de.nrrd",
    "p1/p2_de.nrrd",
    "a/b/c/scan.dcm",
]


def test_finds_the_pattern_under_any_leading_folders():
    found = {m.parts["s"]: m.root for m in Template("Task/imagesTr/{s}.nii.gz", {"s": r"hip_\d+"}).matches(PATHS)}
    assert found == {"hip_001": "", "hip_002": "MSD/"}


def test_a_part_named_twice_reads_the_same_twice():
    assert [m.path for m in Template("{id}/{id}_de.nrrd", {}).matches(PATHS)] == ["p1/p1_de.nrrd"]


def test_stars():
    assert [m.path for m in Template("a/**/*.dcm", {}).matches(PATHS)] == ["a/b/c/scan.dcm"]
    assert not list(Template("a/*.dcm", {}).matches(PATHS))


@pytest.mark.parametrize(
    ("text", "parts", "words"),
    [
        ("{a}/x", {"b": "y"}, r"no part \['b'\]"),
        ("{a", {}, "only around the name"),
        ("{a}", {"a": "("}, "not a regular expression"),
    ],
)
def test_a_bad_pattern_says_what_is_wrong(text, parts, words):
    with pytest.raises(ValueError, match=words):
        Template(text, parts)


@given(st.text(st.characters(exclude_characters="{}*/", exclude_categories=["C"]), min_size=1))
def test_plain_text_matches_itself_only(name):
    template = Template(f"{name}.png", {})
    assert [m.path for m in template.matches([f"{name}.png", f"x{name}.png", f"{name}xpng"])] == [f"{name}.png"]
