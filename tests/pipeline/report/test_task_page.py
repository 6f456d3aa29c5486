"""The page that counts tasks: its numbers, and which differences must be explained."""

from pathlib import Path

from pipeline.authoring.lint import problems
from pipeline.manifest.expected_counts import tasks
from pipeline.manifest.schema import Manifest, load_manifests
from pipeline.report.task_page import task_page

MANIFESTS = load_manifests(Path("dataset_manifests"))


def test_the_page_counts_groups_and_adds_them_up():
    page = task_page({name: MANIFESTS[name] for name in ("CAMUS", "MSD-Hippocampus", "STARE", "Sunnybrook")})
    training, _, held_out = page.partition("## Held-out datasets")
    assert "| CAMUS | 4CH_ED | 3 | 1 | 1 | 3 | 12 |  |\n|  | 4CH_ES | 3 | 1 | 1 | 3 |  |  |" in training
    assert "| MSD-Hippocampus | Hippocampus | 2 | 1 | 3 | 6 | 6 |  |" in training
    assert "| **all** |  |  |  |  | **18** | **18** |  |" in training
    assert "| here, if the middle and the largest slices of volumes are counted as two tasks | 24 |" in page
    assert "| STARE | STARE | 1 | 1 | 1 | 1 | 1 |  |" in held_out
    assert "Sunnybrook" not in page, "the paper does not count it"


def test_every_task_of_the_papers_datasets_is_counted():
    paper = [manifest for manifest in MANIFESTS.values() if manifest.table3]
    assert len([manifest for manifest in paper if manifest.role == "train"]) == 46
    assert all(manifest.table3.tasks is not None for manifest in paper)
    assert f"| here, as in the table below | {sum(tasks(m) for m in paper if m.role == 'train'):,} |" in task_page(
        MANIFESTS
    )


def test_another_number_than_the_builders_needs_a_reason():
    facts = MANIFESTS["WBC-CV"].model_dump()
    facts["table3"]["tasks"] = 5
    (problem,) = problems(Manifest.model_validate(facts))
    assert problem == "has 2 tasks, but table3.tasks is 5: give the reason in tasks_differ"
    facts["table3"]["tasks_differ"] = "the builder had more labels"
    assert list(problems(Manifest.model_validate(facts))) == []
