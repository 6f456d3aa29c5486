"""What is below a folder: links are followed, and an odd entry costs only itself."""

import os
import socket
from pathlib import Path

import pytest
from matching import Facts, found, group, tree

from pipeline.match import listing
from pipeline.match.freesurfer import gather
from pipeline.match.listing import list_files
from pipeline.match.match import scans_of

PER_FOLDER = group(
    scans=[{"image": "{subject}/image.png", "modality": "X", "reader": "raster", "intensity": "unit"}],
    labels={"kind": "values", "path": "{subject}/mask.png", "names": {1: "a"}},
)


def scan(folder: Path, name: str = "") -> Path:
    """A folder with an image and a mask, each with its own content."""
    for file in ("image.png", "mask.png"):
        (tree(folder, file) / file).write_text(f"{folder.name} {name} {file}")
    return folder


def link(path: Path, target: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


def subjects(root: Path, *groups) -> tuple[list[str], list]:
    scans, dropped = scans_of(Facts(*groups), root)
    return [scan.subject for scan in scans], dropped


def test_folders_that_links_lead_to_are_found_inside_and_outside(tmp_path):
    root = tmp_path / "dataset"
    scan(root / "p1")
    scan(root / "pool" / "data" / "x2")
    link(root / "p2", Path("pool/data/x2"))
    link(root / "p3", scan(tmp_path / "elsewhere" / "x3"))
    link(root / "p4" / "image.png", scan(tmp_path / "elsewhere" / "x4") / "image.png")
    link(root / "p4" / "mask.png", tmp_path / "elsewhere" / "x4" / "mask.png")
    names, dropped = subjects(root, PER_FOLDER)
    assert names == ["p1", "p3", "p4", "x2"]
    (row,) = dropped
    assert (row.subject, row.reason) == ("p2", "a link makes it from the files of x2, pool/data/x2/image.png")


def test_a_link_that_is_needed_for_the_pattern_is_followed(tmp_path):
    """The folders of a split are often links to a folder with all scans, which has another name."""
    for number in (1, 2):
        scan(tmp_path / "all" / f"{number}" / "data")
        for fold in ("fold0", "fold1"):
            link(tmp_path / fold / f"p{number}", tmp_path / "all" / f"{number}" / "data")
    facts = group(
        scans=[{"image": "fold1/{subject}/image.png", "modality": "X", "reader": "raster", "intensity": "unit"}],
        labels={"kind": "values", "path": "fold1/{subject}/mask.png", "names": {1: "a"}},
    )
    assert subjects(tmp_path, facts) == (["p1", "p2"], [])


def test_a_subject_that_two_links_lead_to_is_used_once(tmp_path):
    scan(tmp_path / "all" / "p1")
    for fold in ("fold0", "fold1"):
        link(tmp_path / fold / "p1", tmp_path / "all" / "p1")
    names, dropped = subjects(tmp_path, PER_FOLDER)
    assert names == ["p1"]
    assert [(row.reason, row.known) for row in dropped] == [
        ("2 scans are byte-identical copies and are left out", True)
    ]


def test_a_link_between_files_gives_no_second_person(tmp_path):
    root = tree(tmp_path, "images/1.png", "labels/1.png")
    for kind in ("images", "labels"):
        link(root / kind / "2.png", root / kind / "1.png")
    scans, dropped = found(root, group())
    assert [subject for subject, *_ in scans] == ["1"]
    assert len(dropped) == 1
    assert "G 2 X: a link makes it from the files of 1, images/1.png" in dropped[0]


@pytest.mark.timeout(20)
def test_links_in_a_circle_end(tmp_path):
    root = tmp_path / "dataset"
    scan(root / "p1")
    link(root / "p1" / "up", root)
    link(root / "self", root / "self")
    link(root / "outside", tmp_path)
    link(root / "a" / "to_b", root / "b")
    link(root / "b" / "to_a", root / "a")
    listed = list_files(root)
    assert listed.files == ["p1/image.png", "p1/mask.png"]
    known = {path: problem.known for path, problem in listed.unusable.items()}
    assert known == {
        "p1/up": True,
        "self": False,
        "outside": True,
        "a/to_b/to_a": True,
        "b/to_a/to_b": True,
    }
    names, dropped = subjects(root, PER_FOLDER)
    assert names == ["p1"]
    assert sum(not row.known for row in dropped) == 1


@pytest.mark.timeout(20)
def test_folders_that_link_to_each_other_in_all_ways_end(tmp_path, monkeypatch):
    monkeypatch.setattr(listing, "MAX_LINKS", 100)
    for one in range(9):
        for other in set(range(9)) - {one}:
            link(tmp_path / f"d{one}" / f"to{other}", tmp_path / f"d{other}")
    problems = list_files(tmp_path).unusable.values()
    assert any(problem.reason == "there are more than 100 links to folders" for problem in problems)


def odd_entries(root: Path, name: str) -> list[str]:
    """Make a dangling link, a pipe, a socket, a link to a device, and a folder of this name in some folders."""
    for folder in ("link", "pipe", "socket", "device", "folder"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    link(root / "link" / name, root / "gone")
    os.mkfifo(root / "pipe" / name)
    link(root / "device" / name, Path("/dev/zero"))
    (root / "folder" / name).mkdir()
    before = Path.cwd()
    try:  # the path of a socket must be short
        os.chdir(root / "socket")
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(name)
    finally:
        os.chdir(before)
    return ["device", "folder", "link", "pipe", "socket"]


@pytest.mark.timeout(20)
@pytest.mark.parametrize(("odd", "other"), [("image.png", "mask.png"), ("mask.png", "image.png")])
def test_an_odd_entry_in_place_of_a_file_costs_only_its_scan(tmp_path, odd, other):
    names = odd_entries(tmp_path, odd)
    tree(tmp_path, *(f"{name}/{other}" for name in names))
    scan(tmp_path / "good")
    usable, dropped = subjects(tmp_path, PER_FOLDER)
    assert usable == ["good"]
    reasons = {row.subject: row.reason for row in dropped if not row.known}
    assert reasons == {
        "device": "is a device, not a file",
        "folder": "is a folder, not a file",
        "link": f"is a link to {tmp_path}/gone: No such file or directory",
        "pipe": "is a pipe, not a file",
        "socket": "is a socket, not a file",
    }
    assert {row.file for row in dropped} == {f"{name}/{odd}" for name in names}
    assert all(row.remedy for row in dropped)


@pytest.mark.timeout(20)
def test_an_odd_entry_in_place_of_a_table_is_reported(tmp_path):
    form = {"image": "{subject}/image.png", "modality": "X", "reader": "raster", "intensity": "unit",
            "table": {"path": "t.csv", "columns": {"subject": "ID", "age": "Age"}}}  # fmt: skip
    os.mkfifo(tree(tmp_path, "p1/image.png", "p1/mask.png") / "t.csv")
    facts = group(scans=[form], labels={"kind": "values", "path": "{subject}/mask.png", "names": {1: "a"}})
    names, dropped = subjects(tmp_path, facts)
    assert names == []
    assert [(row.subject, row.file, row.reason) for row in dropped] == [("p1", "t.csv", "is a pipe, not a file")]


def test_a_folder_with_the_name_of_the_file_in_it_is_opened(tmp_path):
    """macOS and some unpackers write x.nii.gz/x.nii.gz."""
    scans, dropped = found(tree(tmp_path, "images/1.png/1.png", "labels/1.png"), group(scans=[
        {"image": "{subject}.png", "modality": "X", "reader": "raster", "intensity": "unit"}]))  # fmt: skip
    assert scans == [("1", "X", "images/1.png/1.png", {"": "labels/1.png"})]
    assert dropped == []


def test_links_that_lead_nowhere_are_counted_in_one_remark(tmp_path):
    """A DataLad dataset whose content was not fetched; a link may have been a subject's folder."""
    scan(tmp_path / "p1")
    for number in range(2, 6):
        link(tmp_path / f"p{number}", tmp_path / "annex" / f"{number}")
    names, dropped = subjects(tmp_path, PER_FOLDER)
    assert names == ["p1"]
    (row,) = dropped
    assert row.file == "p2"
    assert "No such file or directory; 3 more entries have this problem" in row.reason
    assert "git annex get" in row.remedy
    assert row.unexpected


def test_a_folder_that_may_not_be_listed_is_reported(tmp_path, monkeypatch):
    scan(tmp_path / "p1")
    scan(tmp_path / "p2")
    scandir = os.scandir

    def denied(path):
        if Path(path).name == "p2":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(listing.os, "scandir", denied)
    names, dropped = subjects(tmp_path, PER_FOLDER)
    assert names == ["p1"]
    (row,) = dropped
    assert str(row) == (
        "the folder cannot be listed: Permission denied [p2]; correct its permissions, or copy it again"
    )
    assert row.unexpected


def test_copies_that_systems_and_tools_keep_are_no_scans(tmp_path):
    junk = ["@eaDir/1.png/2.png", ".ipynb_checkpoints/3.png", ".git/annex/objects/4.png", "lost+found/5.png"]
    files = [f"{kind}/{name}" for kind in ("images", "labels") for name in (*junk, "1.png", "desktop.ini", "~$1.png")]
    scans, dropped = found(tree(tmp_path, *files), group())
    assert [subject for subject, *_ in scans] == ["1"]
    assert dropped == []


def test_odd_entries_are_still_reported_after_freesurfer(tmp_path):
    raw = tmp_path / "raw"
    scan(raw / "p1")
    link(raw / "p2" / "image.png", raw / "gone")
    link(raw / "p3", scan(tmp_path / "elsewhere" / "x"))
    link(raw / "p1" / "up", raw)
    gather(raw, tmp_path / "made", tmp_path / "files")
    names, dropped = subjects(tmp_path / "files", PER_FOLDER)
    assert names == ["p1", "p3"]
    assert [row.subject for row in dropped] == ["p2"]
    assert "No such file" in dropped[0].reason
