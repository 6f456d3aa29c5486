"""Synthetic tasks as records: the same in every chunk, with the family in the name of the group."""

from pathlib import Path

import pytest

from pipeline.build.synthetic import records_of_task, synthetic
from pipeline.config import Config, Synthetic, write_config
from universeg.store import Record, pack
from universeg.synth import MIXES

MANIFEST = Path("dataset_manifests/Synthetic.yaml")


def attrition_of_shards(folder: Path, chunks: int, family: str = "F0") -> list[bytes]:
    """Build all shards; returns the contents of their attrition reports."""
    wanted = Synthetic(tasks=4, subjects=3, seed=0, family=family)
    write_config(Config(resolution=64, chunks=chunks, synthetic=wanted), folder / "config.json")
    for chunk in range(chunks):
        synthetic(folder / "config.json", MANIFEST, chunk, folder / str(chunks) / f"{chunk}.lmdb")
    return [path.read_bytes() for path in sorted((folder / str(chunks)).glob("*.csv"))]


@pytest.mark.parametrize("family", ["F0", "validation", "nested"])
def test_a_task_is_the_same_each_time(family):
    one, again = (list(records_of_task(family, 0, 3, 3, 64)) for _ in range(2))
    packed = [[pack(row) if isinstance(row, Record) else row for row in rows] for rows in (one, again)]
    assert packed[0] == packed[1]
    assert sum(isinstance(row, Record) for row in one) == 3


def test_the_group_names_the_family_if_it_was_drawn_from_a_mix():
    groups = {record.group for task in range(8) for record in records_of_task("validation", 0, task, 2, 32)}
    assert {group.split()[0] for group in groups} == set(MIXES["validation"])
    assert len(groups) == 8
    assert {record.group for record in records_of_task("nested", 0, 7, 2, 32)} == {"task0007"}


def test_all_chunks_together_have_the_same_tasks(tmp_path):
    whole, parts = attrition_of_shards(tmp_path, 1), attrition_of_shards(tmp_path, 2)
    rows = [sorted(line for text in texts for line in text.splitlines()[1:]) for texts in (whole, parts)]
    assert rows[0] == rows[1]
    assert rows[0], "this seed gives shapes that are too small for a label"


def test_an_unknown_family_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"unknown family of synthetic tasks 'F7'; known: F0,"):
        attrition_of_shards(tmp_path, 1, "F7")
