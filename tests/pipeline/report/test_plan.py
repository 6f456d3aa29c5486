"""The plan and the page of datasets, made from manifests alone."""

import json
from pathlib import Path

import pytest

from pipeline.config import Config
from pipeline.manifest.schema import Manifest, load_manifests
from pipeline.report.dataset_page import page, table
from pipeline.report.plan import plan, planned
from pipeline.report.selection import select

MANIFESTS = load_manifests(Path("dataset_manifests"))


def changed(name: str, **facts: object) -> Manifest:
    return Manifest.model_validate({**MANIFESTS[name].model_dump(), **facts})


def terms(commercial: str) -> dict[str, object]:
    return {"name": "X", "research": "yes", "commercial": commercial, "redistribution": "unknown"}


def some() -> dict[str, Manifest]:
    gated = [
        {"file": "a.zip", "get": "Ask Dr A.", "password": "$TOY_PASSWORD"},
        {"file": "b.zip", "url": "https://h/b"},
    ]
    return {
        "MSD-Hippocampus": changed("MSD-Hippocampus", licence=terms("yes")),
        "WBC-CV": changed("WBC-CV", licence=terms("unknown")),
        "WBC-JTSC": changed("WBC-JTSC", licence=terms("no"), sources=gated),
    }


def test_datasets_are_downloadable_or_need_a_request(tmp_path):
    rows = {row.name: row for row in planned(some(), Config(root=tmp_path), "research")}
    assert {name: row.status for name, row in rows.items()} == {
        "MSD-Hippocampus": "now",
        "WBC-CV": "now",
        "WBC-JTSC": "ask",
    }
    gated = rows["WBC-JTSC"]
    assert gated.steps == [
        f"a.zip: Ask Dr A. Save it as {tmp_path}/downloads/WBC-JTSC/a.zip.",
        "set the environment variable TOY_PASSWORD to the password of a.zip",
    ]
    assert (gated.forecast.download_bytes, gated.forecast.unknown_files, gated.scans, gated.tasks) == (0, 2, 300, 2)
    assert (rows["WBC-CV"].forecast.download_bytes, rows["WBC-CV"].forecast.unknown_files) == (23486003, 0)


@pytest.mark.parametrize(
    ("use", "status"), [("research", "now now"), ("commercial", "now no"), ("redistribution", "no no")]
)
def test_unknown_terms_allow_research_only(tmp_path, use, status):
    rows = planned(some(), Config(root=tmp_path), use)
    assert [row.status for row in rows[:2]] == status.split()
    settings = Config(root=tmp_path, use=use, datasets=("MSD-Hippocampus", "WBC-CV"))
    selected = select(settings, some())
    assert selected.build == [row.name for row in rows[:2] if row.status == "now"]
    assert set(selected.left_out) == {row.name for row in rows[:2] if row.status == "no"}
    assert selected.left_out.get("WBC-CV", f"{use}: unknown (X); ask the owner") == f"{use}: unknown (X); ask the owner"


def test_no_request_is_shown_for_what_the_licence_does_not_allow(tmp_path):
    selected = select(Config(root=tmp_path, use="commercial"), some())
    assert selected.left_out["WBC-JTSC"] == "commercial: no (X)"
    assert selected.waiting == {}


def test_a_dataset_contributes_what_no_other_has(tmp_path):
    rows = {row.name: row for row in planned(some(), Config(root=tmp_path), "research")}
    assert rows["MSD-Hippocampus"].only.domain == "brain"
    assert rows["MSD-Hippocampus"].only.labels == ["anterior hippocampus", "posterior hippocampus"]
    assert (rows["WBC-CV"].only.domain, rows["WBC-CV"].only.labels) == (None, [])
    alone = planned({"WBC-CV": some()["WBC-CV"]}, Config(root=tmp_path), "research")[0]
    assert (alone.only.domain, alone.only.labels) == ("blood cells", ["cytoplasm", "nucleus"])


def test_json_and_table_agree(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    plan(use="commercial", json=True, root=tmp_path)
    printed = json.loads(capsys.readouterr().out)
    assert printed["use"] == "commercial"
    status = {row["name"]: row["status"] for row in printed["datasets"]}
    assert status["MSD-Hippocampus"] == "now"
    assert status["WBC-CV"] == "no"
    plan(use="commercial", root=tmp_path)
    shown = capsys.readouterr().out
    assert "WBC-CV: commercial: unknown (GPL-3.0); ask the owner" in shown
    assert "It contributes: 100 scans; 2 tasks" in shown


def test_names_are_whole_in_a_narrow_terminal(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    plan()
    shown = capsys.readouterr().out.splitlines()
    starts = {line.split()[0] for line in shown if line.strip()}
    assert set(MANIFESTS) <= starts
    assert max(map(len, shown[: len(MANIFESTS)])) <= 80


@pytest.mark.parametrize("name", ["datasets.md", "tasks.md"])
def test_the_committed_page_is_current(tmp_path, name):
    table(tmp_path / "datasets.md", tmp_path / "tasks.md")
    committed = Path("docs/reference", name).read_text()
    assert committed == (tmp_path / name).read_text(), "run: python -m pipeline table"


def test_a_row_of_the_page():
    row = next(line for line in page(some()).splitlines() if "[WBC-JTSC]" in line)
    assert row == (
        "| [WBC-JTSC](../../dataset_manifests/WBC-JTSC.yaml), held out | blood cells | microscopy | 300 | 2 | X | no"
        " | [open](https://github.com/zxaoyou/segmentation_WBC) |"
    )
    assert "Total without generated and extra datasets: 3 datasets, 660 scans, 10 tasks." in page(some())
