"""What is reported of a whole build: attrition against Table 3, data cards, and the gallery, also in a browser."""

import json
import re
from importlib.util import find_spec

import numpy as np
import pytest
from chromium import CHROMIUM, needs_chromium

from pipeline import attrition as attrition_rows
from pipeline.attrition import Dropped
from pipeline.config import Config, write_config
from pipeline.match.scan_files import ScanFiles, write_scans
from pipeline.report import gallery as gallery_module
from pipeline.report.attrition_table import attrition
from pipeline.report.card import cards
from pipeline.report.gallery import gallery
from universeg.store import Record, pack, write_store

SIDE = 32
FILTERS = [  # the part of the address after #, the pictures that it shows, and their subjects
    ("", "4 of 4 pictures", ["001", "002", "003", "001"]),
    ("dataset=WBC-CV&split=test", "1 of 4 pictures", ["003"]),
    ("label=body&overlay=no", "1 of 4 pictures", ["001"]),
    ("label=body&split=dev", "0 of 4 pictures", []),
]
LICENCE = {"name": "CC BY-SA 4.0", "url": "https://example.org/by-sa", "research": "yes", "commercial": "yes"}
CITATION = [{"text": "Ada, Bea: A <cell>. Cells 1, 2020", "doi": "10.1000/cell", "arxiv": None}]


def record(slicing, subject, axis=0, label="nucleus"):
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[4:20, 8:30] = 255
    ramp = np.tile(np.linspace(0, 255, SIDE, dtype=np.uint8), (SIDE, 1))
    return Record(slicing, "CV", "microscopy", axis, subject, ramp, {label: mask})


@pytest.fixture
def root(tmp_path):
    """A build of WBC-CV: five scans found, one without a label, one whose masks were all empty; and of another one."""
    used = ["001", "002", "003"]
    header = {
        **{"title": "White <blood> cells", "domain": "cells", "role": "train", "size": SIDE, "row": "WBC"},
        **{"licence": {**LICENCE, "redistribution": "no"}, "citation": CITATION, "manifest": "m1", "recipe": 4},
        **{"geometry": "isotropic", "min_pixels": 1, "label_rules": {"CV": {"kind": "values"}}},
        "sources": [{"file": "x.zip", "bytes": 5, "sha256": "ab" * 32}],
        "counts": {"subjects": 3, "support": 1, "dev": 1, "test": 1, "images": 3},
        "splits": {"001": "support", "002": "dev", "003": "test"},
    }
    records = [record("mid", subject) for subject in used]
    write_store(tmp_path / "stores/WBC-CV.lmdb", {"dataset": "WBC-CV", **header}, sorted(map(pack, records)))
    volume = [record(slicing, "001", 2, "body") for slicing in ("mid", "max")]
    write_store(tmp_path / "stores/Other.lmdb", {"dataset": "Other", **header}, sorted(map(pack, volume)))
    scans = [ScanFiles("CV", name, "microscopy", 0, (f"{name}.bmp",), {}) for name in [*used, "004", "005"]]
    (tmp_path / "scans").mkdir()
    write_scans(tmp_path / "scans/WBC-CV.json", tmp_path, scans, [])
    lost = Dropped("CV", "004", "microscopy", reason="label of 7 x 8 pixels: expected 9", remedy="look")
    slices = Dropped("CV", "005", "microscopy", "0", "mid", "nucleus", "empty label: 0 pixels", "none")
    attrition_rows.write(tmp_path / "reports/attrition/WBC-CV.csv", [lost, slices])
    write_config(Config(root=tmp_path), tmp_path / "config.json")
    return tmp_path


def test_attrition_counts_what_was_expected_found_and_used(root, capsys):
    attrition(root / "config.json")
    *_, other, cells = capsys.readouterr().out.splitlines()
    assert other == "| Other | none | unknown | 1 | 1 | 1 | all used |"
    reasons = "1: label of N x N pixels; 1: no slice of it could be stored"
    assert cells == f"| WBC-CV | 100 | 100 | 5 | 3 | 3 | {reasons} |"
    attrition(root / "config.json", root / "table.md")
    assert (root / "table.md").read_text().endswith(cells + "\n")


def test_a_card_has_licence_citation_tasks_and_origin(root):
    cards(root / "config.json")
    text = (root / "reports/cards/WBC-CV.md").read_text()
    for part in (
        *("# WBC-CV: White <blood> cells", "- share-alike: ", "redistribution: no", "author = {Ada and Bea}"),
        *("| WBC-CV/CV/microscopy/nucleus/0 | 3 | 0 | 3 | 34.38% |", "| WBC-CV | 100 | 100 | 5 | 3 | 3 |"),
        *("- x.zip: 5 bytes, sha256 abab", "manifest with the digest m1", "- labels of CV: values"),
    ):
        assert part in text
    metadata = json.loads((root / "reports/cards/WBC-CV.json").read_text())
    assert metadata["license"] == "https://example.org/by-sa"
    assert re.fullmatch(r"\w{64}", metadata["distribution"][0]["sha256"])


@pytest.mark.skipif(find_spec("mlcroissant") is None, reason="mlcroissant is not installed")
@pytest.mark.filterwarnings("ignore")
def test_the_metadata_are_valid_croissant(root):
    import mlcroissant

    cards(root / "config.json")
    found = mlcroissant.Dataset(root / "reports/cards/WBC-CV.json").metadata
    assert (found.name, found.license) == ("WBC-CV", ["https://example.org/by-sa"])


def test_a_gallery_is_one_file_of_bounded_size(root, monkeypatch):
    stores = tuple(root / f"stores/{name}.lmdb" for name in ("WBC-CV", "Other"))
    gallery(root / "config.json", stores, root / "gallery.html")
    page = (root / "gallery.html").read_text()
    assert "<blood>" not in page, "the title is data, not an element"
    content = json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])
    assert [(item["dataset"], item["subject"], item["split"]) for item in content["items"]] == [
        *(("WBC-CV", "001", "support"), ("WBC-CV", "002", "dev"), ("WBC-CV", "003", "test")),
        ("Other", "001", "support"),
    ]
    assert content["items"][-1]["view"] == "axial"
    assert not re.search(r"(src|href)=[\"']?http|url\(|@import", page), "no other file, no network"
    monkeypatch.setattr(gallery_module, "MOST_PICTURES", 2)
    monkeypatch.setattr(gallery_module, "LEAST_PICTURES", 2)
    gallery(root / "config.json", stores[:1], root / "small.html")
    small = json.loads(re.search(r'id="data">(.*?)</script>', (root / "small.html").read_text(), re.DOTALL)[1])
    assert [item["subject"] for item in small["items"]] == ["001", "003"]


@pytest.mark.slow
@needs_chromium
def test_the_filters_of_the_gallery_work_in_a_browser(root):
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    gallery(root / "config.json", tuple(root / f"stores/{name}.lmdb" for name in ("WBC-CV", "Other")), root / "g.html")
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for filters, shown, subjects in FILTERS:
            page = chromium.new_page()
            page.goto(f"file://{root}/g.html#{filters}")
            main = page.locator("#main")
            assert page.get_by_text(f"{shown} shown here; the stores have 4 scans").count() == 1
            assert main.locator("figcaption > div:first-child").all_inner_texts() == subjects
            assert main.get_attribute("class") == ("plain" if "overlay=no" in filters else "")
            assert main.get_by_text("No picture fits these filters").count() == (not subjects)
        chromium.close()
