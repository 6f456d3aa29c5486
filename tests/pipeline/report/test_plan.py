"""The plan: from manifests alone, what can be had, what must be asked for, what a licence forbids, what is lost."""

import json
from pathlib import Path

import pytest

from pipeline.config import Config, plan
from pipeline.manifest import expected_counts as promised
from pipeline.manifest import licence as terms
from pipeline.manifest.schema import Manifest, load_manifests
from pipeline.report.dataset_page import page, table
from pipeline.report.plan import plan as command
from pipeline.report.plan import planned

MANIFESTS = load_manifests(Path("dataset_manifests"))


def changed(name: str, **facts: object) -> Manifest:
    return Manifest.model_validate({**MANIFESTS[name].model_dump(), **facts})


def licence(commercial: str) -> dict[str, object]:
    return {"name": "X", "research": "yes", "commercial": commercial, "redistribution": "unknown"}


def some() -> dict[str, Manifest]:
    gated = [
        {"file": "a.zip", "get": "Ask Dr A.", "password": "$TOY_PASSWORD"},
        {"file": "b.zip", "url": "https://h/b"},
    ]
    return {
        "MSD-Hippocampus": changed("MSD-Hippocampus", licence=licence("yes")),
        "WBC-CV": changed("WBC-CV", licence=licence("unknown")),
        "WBC-JTSC": changed("WBC-JTSC", licence=licence("no"), sources=gated),
    }


def test_what_can_be_had_and_what_must_be_asked_for(tmp_path):
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
    assert (gated.bytes, gated.files_of_unknown_size, gated.scans, gated.tasks) == (0, 2, 300, 2)
    assert (rows["WBC-CV"].bytes, rows["WBC-CV"].files_of_unknown_size) == (23486003, 0)


@pytest.mark.parametrize(
    ("use", "status"), [("research", "now now"), ("commercial", "now no"), ("redistribution", "no no")]
)
def test_what_nobody_knows_is_allowed_for_research_alone(tmp_path, use, status):
    rows = planned(some(), Config(root=tmp_path), use)
    assert [row.status for row in rows[:2]] == status.split()
    settings = Config(root=tmp_path, use=use, datasets=("MSD-Hippocampus", "WBC-CV"))
    workflow = plan(settings, some())
    assert workflow.build == [row.name for row in rows[:2] if row.status == "now"]
    assert set(workflow.left_out) == {row.name for row in rows[:2] if row.status == "no"}
    assert workflow.left_out.get("WBC-CV", f"{use}: unknown (X); ask the owner") == f"{use}: unknown (X); ask the owner"


def test_what_a_licence_forbids_need_not_be_asked_for(tmp_path):
    workflow = plan(Config(root=tmp_path, use="commercial"), some())
    assert workflow.left_out["WBC-JTSC"] == "commercial: no (X)"
    assert workflow.waiting == {}


def test_what_is_lost_is_what_no_other_has(tmp_path):
    rows = {row.name: row for row in planned(some(), Config(root=tmp_path), "research")}
    assert rows["MSD-Hippocampus"].only.domain == "brain"
    assert rows["MSD-Hippocampus"].only.labels == ["anterior hippocampus", "posterior hippocampus"]
    assert (rows["WBC-CV"].only.domain, rows["WBC-CV"].only.labels) == (None, [])
    alone = planned({"WBC-CV": some()["WBC-CV"]}, Config(root=tmp_path), "research")[0]
    assert (alone.only.domain, alone.only.labels) == ("blood cells", ["cytoplasm", "nucleus"])


def test_for_programs_and_for_people_it_says_the_same(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    command(use="commercial", json=True, root=tmp_path)
    told = json.loads(capsys.readouterr().out)
    assert told["use"] == "commercial"
    status = {row["name"]: row["status"] for row in told["datasets"]}
    assert status["MSD-Hippocampus"] == "now"
    assert status["WBC-CV"] == "no"
    command(use="commercial", root=tmp_path)
    shown = capsys.readouterr().out
    assert "WBC-CV: commercial: unknown (GPL-3.0); ask the owner" in shown
    assert "Lost without it: scans: 100; tasks: 2" in shown


@pytest.mark.parametrize(
    ("known", "unknown", "words"),
    [
        (0, 0, "0 bytes"),
        (999, 0, "999 bytes"),
        (1500, 1, "1.5 kB + 1 file"),
        (23486003, 0, "23 MB"),
        (0, 2, "unknown, 2 files"),
    ],
)
def test_sizes_as_people_read_them(known, unknown, words):
    assert promised.shown(known, unknown) == words


def test_the_committed_table_is_the_manifests(tmp_path):
    table(tmp_path / "datasets.md")
    assert Path("docs/datasets.md").read_text() == (tmp_path / "datasets.md").read_text(), (
        "run: python -m pipeline table"
    )


def test_a_row_of_the_table():
    row = next(line for line in page(some()).splitlines() if "[WBC-JTSC]" in line)
    assert row == (
        "| [WBC-JTSC](../dataset_manifests/WBC-JTSC.yaml), held out | blood cells | microscopy | 300 | 2 | X | no"
        " | [open](https://github.com/zxaoyou/segmentation_WBC) |"
    )
    assert "3 datasets without the generated ones: 660 scans; 10 tasks." in page(some())


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"homepage": "WBC's page"}, 'homepage: "WBC\'s page" is no web address'),
        ({"licence": {**licence("yes"), "name": None}}, "without a name"),
        ({"sources": [{"file": "a", "get": "x"}], "homepage": None}, "says where"),
        ({"sources": [{"file": "a", "get": "x"}] * 2}, "a is there twice"),
        ({"sources": [{"file": "a", "get": "x", "unpack": False, "password": "p"}]}, "have no meaning"),
    ],
)
def test_mistakes_in_terms_are_named(facts, words):
    (found,) = terms.mistakes(changed("WBC-CV", **facts))
    assert words in found
    assert not list(terms.mistakes(MANIFESTS["WBC-CV"]))
