"""What the reports say about stores: the catalogue, byte for byte, a contact sheet, and the summary of a run."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline import attrition
from pipeline.attrition import Dropped
from pipeline.config import Config, write_config
from pipeline.report.catalogue import catalogue
from pipeline.report.contact_sheet import sheet
from pipeline.report.summary import summary
from universeg.store import Record, pack, subject_of, write_store

CATALOGUE = """\
task,dataset,group,modality,label,axis,role,licence,mid,max,subjects,support,dev,test,area_min,area_median,area_max
WBC-CV/g/m/a/0,WBC-CV,g,m,a,0,train,"CC BY, 4.0",3,0,2,1,2,0,0.0625,0.0625,0.25
WBC-CV/g/m/b/2,WBC-CV,g,m,b,2,train,"CC BY, 4.0",1,1,1,1,0,0,0.00391,0.00391,0.00391
Two/g/m/a/0,Two,g,m,a,0,held-out,unknown,1,0,1,1,0,0,1.0,1.0,1.0
"""


def record(slicing: str, axis: int, subject: str, label: str, side: int) -> Record:
    """A grey image of 16 x 16 pixels with a square of a label."""
    mask = np.zeros((16, 16), np.uint8)
    mask[:side, :side] = 255
    return Record(slicing, "g", "m", axis, subject, np.full((16, 16), 99, np.uint8), {label: mask})


@pytest.fixture
def root(tmp_path) -> Path:
    """The root of a workflow with two stores and a catalogue."""
    one = [record("mid", 0, "s1", "a", 4), record("mid", 0, "s2@1", "a", 8), record("mid", 0, "s2@2", "a", 4)]
    one += [record("mid", 2, "s1", "b", 1), record("max", 2, "s1", "b", 2)]
    two = [record("mid", 0, "s1", "a", 16)]
    splits = {"s1": "support", "s2": "dev"}
    for name, role, licence, records in (("WBC-CV", "train", "CC BY, 4.0", one), ("Two", "held-out", None, two)):
        header = {"dataset": name, "title": name, "size": 16, "role": role, "licence": {"name": licence}}
        used = {
            subject: split
            for subject, split in splits.items()
            if any(subject_of(r.subject) == subject for r in records)
        }
        write_store(tmp_path / f"stores/{name}.lmdb", {**header, "splits": used}, sorted(map(pack, records)))
    stores = tuple(tmp_path / f"stores/{name}.lmdb" for name in ("WBC-CV", "Two"))
    catalogue(stores, tmp_path / "reports/catalogue.csv")
    return tmp_path


def test_the_catalogue_has_a_row_for_each_task(root):
    assert (root / "reports/catalogue.csv").read_bytes() == CATALOGUE.encode()


def test_a_catalogue_of_no_store_has_only_its_header(tmp_path):
    catalogue((), tmp_path / "catalogue.csv")
    assert (tmp_path / "catalogue.csv").read_text() == CATALOGUE.splitlines()[0] + "\n"


def test_a_sheet_has_a_row_for_each_view_and_the_colours_of_the_labels(root):
    sheet(root / "stores/WBC-CV.lmdb", root / "sheet.png")
    sheet(root / "stores/Two.lmdb", root / "other.png")
    both, single = (np.asarray(Image.open(root / f"{name}.png").convert("RGB")) for name in ("sheet", "other"))
    assert both.shape[0] > single.shape[0], "two views of WBC-CV, one of Two"
    orange = (np.abs(both.astype(int) - (255, 176, 0)) < 8).all(axis=-1)
    assert orange.sum() > 200, "the outline of the first label"


def test_the_summary_shows_stores_unexpected_rows_and_what_waits(root, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    rows = [
        Dropped("g", "s9", "m", reason="is empty", remedy="fetch it again"),
        Dropped("g", "s8", "m", reason="is known", known=True),
        Dropped("g", "s1", "m", "0", "mid", "b", "few pixels"),
    ]
    attrition.write(root / "reports/attrition/WBC-CV.csv", rows)
    settings = Config(root=root, use="commercial", datasets=("WBC-CV", "STARE", "BRATS"))
    write_config(settings, root / "config.json")
    summary(root / "config.json")
    shown = capsys.readouterr().err
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in shown.splitlines() if line.startswith("│")]
    assert cells == [["Two", "1", "1", "1", "0", "0"], ["WBC-CV", "2", "2", "3", "1", "2"]], "2 subjects, 3 images"
    unexpected, left_out = shown.partition("Unexpected")[2].split("Left out")
    assert "WBC-CV: g s9 m: is empty; fetch it again" in unexpected
    assert "s8" not in shown
    assert "WBC-CV: commercial: unknown" in left_out


@pytest.mark.parametrize("catalogued", [True, False])
def test_a_dataset_whose_store_failed_is_in_the_summary(root, capsys, monkeypatch, catalogued):
    monkeypatch.setenv("COLUMNS", "200")
    if not catalogued:  # the first run of all failed
        (root / "reports/catalogue.csv").unlink()
    for name in ("STARE", "BRATS"):  # the report of BRATS is from an earlier run
        attrition.write(root / f"reports/attrition/{name}.csv", [Dropped("g", "s1", "m", reason=f"{name} is empty")])
    write_config(Config(root=root, datasets=("STARE",), have={"STARE": root}), root / "config.json")
    summary(root / "config.json")
    shown = capsys.readouterr().err
    row = next(line for line in shown.splitlines() if "no store" in line)
    assert [cell.strip() for cell in row.split("│")[1:-1]] == ["STARE", "no store", "", "", "0", "1"]
    assert "STARE: g s1 m: STARE is empty" in shown
    assert "BRATS" not in shown
    assert ("WBC-CV" in shown) == catalogued


def test_a_run_that_never_started_has_no_summary(tmp_path, capsys):
    summary(tmp_path / "config.json")
    assert capsys.readouterr().err == ""
