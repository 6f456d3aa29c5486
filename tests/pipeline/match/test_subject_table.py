"""Tables that add parts to images: from CSV, Excel and HDF5, joined on the parts that both have."""

from zipfile import ZipFile

import numpy as np
import pytest
from layouts import writers
from matching import Facts, tree

from pipeline.attrition import BadScan
from pipeline.manifest.layout import Group
from pipeline.match.match import scans_of
from pipeline.match.scan_files import read_scans, write_scans
from pipeline.match.subject_table import read_table

CELLS = [["Patient table"], [], ["ECHO", "One cycle", ""], ["ES0001 _4CH", 3, 5], ["ES0002 _4CH", 1, 2]]
WANTED = [{"subject": "ES0001 _4CH", "a": "3", "b": "5"}, {"subject": "ES0002 _4CH", "a": "1", "b": "2"}]
COLUMNS = {"subject": "ECHO", "a": "One cycle", "b": ("One cycle", 1)}


def table(folder, suffix):
    path = folder / f"t{suffix}"
    if suffix == ".xlsx":
        writers.excel(path, CELLS)
    else:
        writers.text(path, "".join(f"{'; '.join(map(str, row))}\n" for row in CELLS[2:]))
    return path


@pytest.mark.parametrize("suffix", [".xlsx", ".csv"])
def test_columns_by_name_and_by_offset(tmp_path, suffix):
    assert read_table(table(tmp_path, suffix), COLUMNS, {}) == WANTED


TEXT = 'ECHO;One cycle;;Note\r\nES0001 _4CH;3;5;"a; b"\r\n;;;\r\nES0002 _4CH;1;2\r\n'


@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be-bom", "cp1252"])
def test_a_text_table_as_programs_save_it(tmp_path, delimiter, encoding):
    """Excel begins a file with a byte-order mark, and uses semicolons where a comma is the decimal sign."""
    text = TEXT.replace("a; b", "ä<>, b").replace(";", delimiter).replace("<>", ";")
    data = b"\xfe\xff" + text.encode("utf-16-be") if encoding == "utf-16-be-bom" else text.encode(encoding)
    (tmp_path / "t.csv").write_bytes(data)
    assert read_table(tmp_path / "t.csv", COLUMNS, {}) == WANTED
    assert read_table(tmp_path / "t.csv", {"note": "Note"}, {})[0] == {"note": "ä;, b"}


def test_a_text_table_with_titles_and_one_column(tmp_path):
    writers.text(tmp_path / "t.csv", "sep=;\nPatients of 2009, all;\n\nECHO\nA\n\nB\n")
    assert read_table(tmp_path / "t.csv", {"subject": "ECHO"}, {}) == [{"subject": "A"}, {"subject": "B"}]


def test_two_columns_of_the_same_name_are_ambiguous(tmp_path):
    writers.text(tmp_path / "t.csv", "ECHO,Age,Age\nA,1,2\n")
    with pytest.raises(BadScan, match="2 columns have the name 'Age'"):
        read_table(tmp_path / "t.csv", {"subject": "ECHO", "age": "Age"}, {})
    assert read_table(tmp_path / "t.csv", {"subject": "ECHO"}, {}) == [{"subject": "A"}]


def test_a_regular_expression_selects_a_part_of_the_cell(tmp_path):
    writers.hdf5(tmp_path / "t.hdf5", annot_id=np.array([b"103_", b"7_"]), frame_num=np.array([4, 5]))
    found = read_table(tmp_path / "t.hdf5", {"clip": "annot_id", "n": "frame_num"}, {"clip": r"\d+"})
    assert found == [{"clip": "103", "n": "4"}, {"clip": "7", "n": "5"}]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("t.csv", "", "no row names the columns .*it is empty"),
        ("t.csv", "a,b\n1,2\n", r"no row names the columns \['ECHO', 'One cycle'\]; its first row is: a,b"),
        ("t.xlsx", "no zip", "cannot be read as a table"),
        ("t.hdf5", "no hdf5", "cannot be read as a table"),
        ("t.doc", "", "is not a table"),
    ],
)
def test_a_file_that_is_not_a_table_is_reported(tmp_path, name, content, words):
    writers.text(tmp_path / name, content)
    with pytest.raises(BadScan, match=words) as bad:
        read_table(tmp_path / name, COLUMNS, {})
    assert bad.value.file == str(tmp_path / name)
    assert bad.value.remedy


def video(**changes):
    form = {
        "image": "A4C/{subject}.avi", "modality": "US", "reader": "video", "intensity": "unit",
        "table": {"path": "t.xlsx", "columns": COLUMNS}, "frames": {"first": "{a}", "last": "{b}", "counted_from": 1},
    }  # fmt: skip
    facts = {
        "name": "G", "scans": [{**form, **changes.pop("form", {})}], "frame": "{index}", "axes": [0],
        "labels": {"kind": "values", "path": "Mask_{subject}.mat", "reader": "matlab", "array": "predicted",
                   "frames": "counted", "grid": "extent", "names": {1: "wall"}},
        "expect": {"scans": None}, **changes,
    }  # fmt: skip
    return Group.model_validate(facts)


def test_frames_from_a_table(tmp_path):
    table(tree(tmp_path, "A4C/ES0001 _4CH.avi", "Mask_ES0001 _4CH.mat"), ".xlsx")
    scans, dropped = scans_of(Facts(video()), tmp_path)
    assert [(s.subject, s.index, s.label_index) for s in scans] == [
        ("ES0001 _4CH@2", 2, 0),
        ("ES0001 _4CH@3", 3, 1),
        ("ES0001 _4CH@4", 4, 2),
    ]
    assert dropped == []
    write_scans(tmp_path / "scans.json", tmp_path, scans, dropped)
    assert read_scans(tmp_path / "scans.json") == (tmp_path, scans, dropped)


def test_the_number_of_frames_is_limited_and_they_are_spread_evenly(tmp_path):
    table(tree(tmp_path, "A4C/ES0001 _4CH.avi", "Mask_ES0001 _4CH.mat"), ".xlsx")
    scans, dropped = scans_of(Facts(video(most_frames=2)), tmp_path)
    assert [s.index for s in scans] == [2, 4]
    assert [(row.reason, row.known) for row in dropped] == [("1 frames beyond 2 of a subject are left out", True)]


def test_an_image_without_a_row_or_without_a_table_is_reported(tmp_path):
    tree(tmp_path, "A4C/ES0009 _4CH.avi", "Mask_ES0009 _4CH.mat")
    assert "no file matches the pattern of the table" in scans_of(Facts(video()), tmp_path)[1][0].reason
    table(tmp_path, ".xlsx")
    (row, *_) = scans_of(Facts(video()), tmp_path)[1]
    assert row.reason == "the table has 0 rows for subject ES0009 _4CH; expected one"


def by_table(**changes):
    """A group whose labels are named after the column Name of a table."""
    form = {"image": "{subject}.png", "modality": "X", "reader": "raster", "intensity": "unit",
            "table": {"path": "t.csv", "columns": {"subject": "ID", "other": "Name"}}}  # fmt: skip
    labels = {"kind": "values", "path": "masks/{other}.png", "names": {1: "a"}}
    return Group.model_validate({"name": "G", "scans": [form], "labels": labels, "axes": [0],
                                 "expect": {"scans": None}, **changes})  # fmt: skip


def write_rows(root, *rows: str) -> None:
    writers.text(root / "t.csv", "\n".join(["ID,Name", *rows]))


def test_a_missing_row_is_named_also_where_images_without_labels_are_expected(tmp_path):
    """The label is named after the table, so nobody can know whether the image has one."""
    write_rows(tree(tmp_path, "1.png", "2.png", "masks/A.png"), "1,A")
    scans, dropped = scans_of(Facts(by_table(unlabelled="skip")), tmp_path)
    assert [scan.subject for scan in scans] == ["1"]
    assert [(row.subject, row.reason, row.known) for row in dropped] == [
        ("2", "the table has 0 rows for subject 2; expected one", False)
    ]


def test_a_missing_row_of_an_image_without_label_is_named_and_expected(tmp_path):
    """Here the label is not named after the table, so it is certain that there is none."""
    write_rows(tree(tmp_path, "1.png", "2.png", "masks/1.png"), "1,A")
    labels = {"kind": "values", "path": "masks/{subject}.png", "names": {1: "a"}}
    _, dropped = scans_of(Facts(by_table(unlabelled="skip", labels=labels)), tmp_path)
    (row,) = dropped
    assert row.reason.startswith("the table has 0 rows for subject 2; expected one; it also has no label")
    assert row.known


def test_a_row_with_an_exact_owner_is_given_to_no_other_image(tmp_path):
    files = [f"{n}.png" for n in ("1", "01", "2", "02", "003", "4.5")]
    write_rows(tree(tmp_path, *files, *(f"masks/{n}.png" for n in "ABCD")), "1,A", "002,B", "3,C", "4.50,D")
    scans, dropped = scans_of(Facts(by_table()), tmp_path)
    assert {scan.subject: scan.labels[""] for scan in scans} == {"1": ("masks/A.png",), "003": ("masks/C.png",)}
    reasons = {row.subject: row.reason for row in dropped if row.subject not in ("B.png", "D.png")}
    assert reasons == {
        "01": "the table has 0 rows for subject 01; expected one",
        "02": "2 images that differ only in zeros have the same row: 02.png, 2.png",
        "2": "2 images that differ only in zeros have the same row: 02.png, 2.png",
        "4.5": "the table has 0 rows for subject 4.5; expected one",
    }


def test_copies_of_a_table_are_one_table(tmp_path):
    """Some archives contain their tree twice. Tables that differ are still ambiguous."""
    for folder in ("a", "b"):
        write_rows(tree(tmp_path / folder, "1.png", "masks/A.png"), "1,A")
    scans, dropped = scans_of(Facts(by_table()), tmp_path)
    assert [scan.images for scan in scans] == [("a/1.png",)]
    assert [row.reason for row in dropped] == ["1 scans are byte-identical copies and are left out"]
    write_rows(tmp_path / "b", "1,B")
    scans, dropped = scans_of(Facts(by_table()), tmp_path)
    assert scans == []
    assert {row.reason for row in dropped if row.subject == "1"} == {"2 files match the pattern of the table, t.csv"}


def test_whole_numbers_with_a_decimal_point_are_joined(tmp_path):
    """pandas writes a column of whole numbers like this if one of its cells is empty."""
    write_rows(tree(tmp_path, "007.png", "12.png", "masks/A.png", "masks/B.png"), "7.0,A", "12.0,B")
    scans, dropped = scans_of(Facts(by_table()), tmp_path)
    assert {scan.subject: scan.labels[""] for scan in scans} == {"007": ("masks/A.png",), "12": ("masks/B.png",)}
    assert dropped == []


def test_an_image_without_any_row_of_frames_is_reported(tmp_path):
    """With frames "rows" such an image gave no frame and no word."""
    facts = by_table()
    form = facts.scans[0].model_copy(update={"frames": "rows"})
    facts = facts.model_copy(update={"scans": (form,), "frame": "{index}"})
    write_rows(tree(tmp_path, "1.png", "2.png", "masks/A.png"), "1,A", "1,A")
    scans, dropped = scans_of(Facts(facts), tmp_path)
    assert [scan.subject for scan in scans] == ["1@0", "1@1"]
    assert [(row.subject, row.reason) for row in dropped] == [
        ("2@unknown", "the table has 0 rows for subject 2; expected at least one")
    ]


def test_a_frame_for_each_row(tmp_path):
    numbers = np.arange(4)
    writers.hdf5(tmp_path / "d.hdf5", annot_id=np.array([b"1_", b"1_", b"2_", b"2_"]), image=numbers, mask=numbers)
    form = {"image": "d.hdf5", "reader": "hdf5", "array": "image", "frames": "rows", "parts": {"clip": r"\d+"},
            "table": {"path": "d.hdf5", "columns": {"clip": "annot_id"}}}  # fmt: skip
    labels = {"kind": "values", "path": "d.hdf5", "array": "mask", "frames": "same", "names": {1: "a"}}
    scans, dropped = scans_of(Facts(video(form=form, subject="{clip}", labels=labels)), tmp_path)
    assert [(s.subject, s.index, s.label_index) for s in scans] == [
        ("1@0", 0, 0),
        ("1@1", 1, 1),
        ("2@2", 2, 2),
        ("2@3", 3, 3),
    ]
    assert dropped == []


def test_images_without_labels_can_be_expected(tmp_path):
    table(tree(tmp_path, "A4C/ES0001 _4CH.avi", "A4C/ES0002 _4CH.avi", "Mask_ES0002 _4CH.mat"), ".xlsx")
    scans, dropped = scans_of(Facts(video(unlabelled="skip")), tmp_path)
    assert {s.subject for s in scans} == {"ES0002 _4CH@0", "ES0002 _4CH@1"}
    assert {(row.reason, row.known) for row in dropped} == {("has no label; the manifest leaves such images out", True)}


def test_a_damaged_spreadsheet_is_reported(tmp_path):
    path = table(tmp_path, ".xlsx")
    content = path.read_bytes()
    detected = 0
    for position in range(40, len(content), 97):
        path.write_bytes(content[:position] + bytes([content[position] ^ 255]) + content[position + 1 :])
        try:  # any other error fails the test
            read_table(path, COLUMNS, {})
        except BadScan:
            detected += 1
    assert detected


def test_warnings_about_a_spreadsheet_are_not_shown(tmp_path, recwarn):
    path = table(tmp_path, ".xlsx")
    with ZipFile(path) as whole:
        parts = {name: whole.read(name) for name in whole.namelist()}
    with ZipFile(path, "w") as file:
        for name, data in parts.items():
            if "style" not in name:  # openpyxl warns that there is no style
                file.writestr(name, data)
    assert read_table(path, COLUMNS, {}) == WANTED
    assert not recwarn.list
