"""The splits: their shares in each group, the persons of several groups, and the pools of the paper's Table 8."""

import hashlib
import json
from collections import Counter
from itertools import chain
from pathlib import Path

import pytest

from pipeline.build.split import split, split_sizes
from pipeline.manifest.expected_counts import labels
from pipeline.manifest.schema import load_manifests
from universeg.store import SPLITS

MANIFESTS = load_manifests(Path("dataset_manifests"))
# Subjects in the support split of each held-out task of the paper: the last column of Table 8, with the pools above 64
# as 60 % of the images.
TABLE_8 = {
    "ACDC": [59],
    "PanDental": [70, 59],
    "SCD": [18, 18, 6, 9, 9],
    "STARE": [12],
    "SpineWeb": [9],
    "WBC": [60, 180],
}


def persons(count: int, prefix: str = "s") -> list[str]:
    return [f"{prefix}{number:03d}" for number in range(count)]


def sizes(found: dict[str, str], subjects: list[str]) -> list[int]:
    counted = Counter(found[subject] for subject in subjects)
    return [counted[name] for name in SPLITS]


def test_each_group_is_divided_60_20_20():
    groups = {"a": persons(10, "a"), "b": persons(30, "b"), "c": persons(15, "c")}
    found = split("One", groups)
    assert {name: sizes(found, members) for name, members in groups.items()} == {
        "a": [6, 2, 2],
        "b": [18, 6, 6],
        "c": [9, 3, 3],
    }


@pytest.mark.parametrize(("subjects", "expected"), [(1, [1, 0, 0]), (2, [1, 1, 0]), (3, [2, 0, 1]), (5, [3, 1, 1])])
def test_small_groups_fill_the_support_split_first(subjects, expected):
    assert list(split_sizes(subjects).values()) == expected
    assert sizes(split("One", {"a": persons(subjects)}), persons(subjects)) == expected


def test_a_split_depends_on_dataset_group_and_names_alone():
    names = persons(100)
    one = split("One", {"a": names})
    assert one == split("One", {"a": names[::-1]})
    assert one == {name: split("One", {"z": persons(9, "z"), "a": names})[name] for name in names}
    assert one != split("Two", {"a": names}), "datasets are drawn with different seeds"
    assert one != split("One", {"b": names}), "groups are drawn with different seeds"


def test_subjects_are_drawn_at_random():
    names = persons(100)
    found = split("One", {"a": names})
    in_order = dict(zip(names, chain(["support"] * 60, ["dev"] * 20, ["test"] * 20), strict=True))
    assert found != in_order
    assert 20 <= sum(found[name] == "support" for name in names[:50]) <= 40


def test_a_person_of_two_groups_is_in_one_split_and_both_groups_keep_their_shares():
    small, large = persons(99), persons(116)
    found = split("Shared", {"large": large, "small": small})
    assert len(found) == 116
    assert sizes(found, small) == [59, 20, 20]
    assert sizes(found, large) == [70, 23, 23]


def test_groups_that_overlap_in_part_stay_close_to_their_shares():
    groups = {"a": persons(60), "b": persons(90)[30:]}
    found = split("Shared", groups)
    assert sizes(found, groups["a"]) == [36, 12, 12]
    assert sizes(found, groups["b"]) == [36, 12, 12]


def test_the_split_lists_do_not_change():
    """Who is in which split, for all users and all papers; a change is a new recipe, and a new digest here."""
    groups = {"LAS": persons(10, "LAS-"), "LAF": persons(30, "LAF-"), "both": [*persons(10, "LAS-"), "new"]}
    text = json.dumps(split("Golden", groups), sort_keys=True)
    assert split("Golden", {"a": list("abcde")}) == dict(a="support", b="dev", c="test", d="support", e="support")
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "e1ccc9c57eb97871"


@pytest.mark.parametrize("row", TABLE_8)
def test_the_support_pools_are_those_of_table_8(row):
    """From the manifests alone: every group of the held-out datasets, and its expected number of subjects."""
    chosen = [m for m in MANIFESTS.values() if m.role == "held-out" and m.table3 and m.table3.row == row]
    groups = [group for manifest in chosen for group in manifest.main_groups]
    pools = [split_sizes(group.expect.subjects)["support"] for group in groups]
    assert sorted(pools) == sorted(TABLE_8[row])


def test_the_held_out_datasets_are_the_papers():
    held_out = {m.table3.row for m in MANIFESTS.values() if m.role == "held-out" and m.table3}
    assert held_out == set(TABLE_8)
    tasks = sum(len(m.main_groups) for m in MANIFESTS.values() if m.role == "held-out")
    assert tasks == 12, "Table 8 has twelve tasks"
    named = [label for m in MANIFESTS.values() if m.role == "held-out" for g in m.main_groups for label in labels(g)]
    assert len(named) == 16, "labels; the paper trained 17 nnU-Nets and does not list them"


def test_panoramic_x_rays_of_both_groups_share_their_persons():
    manifest = next(m for m in MANIFESTS.values() if m.table3 and m.table3.row == "PanDental")
    teeth, mandible = manifest.groups
    everybody = [str(number) for number in range(1, 117)]
    members = {group.name: [name for name in everybody if name not in group.known_bad] for group in (teeth, mandible)}
    found = split(manifest.name, members)
    assert {name: sizes(found, names)[0] for name, names in members.items()} == {"v1": 70, "v2": 59}
