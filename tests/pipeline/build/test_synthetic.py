from pathlib import Path

import pytest

from pipeline.build.shard import synthetic
from pipeline.build.synthetic import records_of_task
from universeg.store import Record
from universeg.synth import MIXES

MANIFEST = Path("dataset_manifests/Synthetic.yaml")


def shards(folder: Path, chunks: int, family: str = "F0") -> list[bytes]:
    for chunk in range(chunks):
        out = folder / str(chunks) / f"{chunk}.lmdb"
        synthetic(MANIFEST, chunk, chunks, out, tasks=4, subjects=3, seed=0, size=64, family=family)
    return [path.read_bytes() for path in sorted((folder / str(chunks)).glob("*.csv"))]


@pytest.mark.parametrize("family", ["F0", "validation", "nested"])
def test_a_task_is_the_same_whoever_makes_it(family):
    one, again = (list(records_of_task(family, 0, 3, 3, 64)) for _ in range(2))
    assert repr(one) == repr(again)
    assert sum(isinstance(record, Record) for record in one) == 3


def test_a_mix_names_the_family_in_the_group_and_one_family_does_not():
    groups = {record.group for task in range(8) for record in records_of_task("validation", 0, task, 2, 32)}
    assert {group.split()[0] for group in groups} == set(MIXES["validation"])
    assert len(groups) == 8
    assert {record.group for record in records_of_task("nested", 0, 7, 2, 32)} == {"task0007"}


def test_chunks_divide_the_same_tasks(tmp_path):
    whole, parts = shards(tmp_path, 1), shards(tmp_path, 2)
    rows = [sorted(line for text in texts for line in text.splitlines()[1:]) for texts in (whole, parts)]
    assert rows[0] == rows[1]
    assert rows[0], "small shapes are recorded"


def test_an_unknown_family_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"unknown family of synthetic tasks 'F7'; known: F0,"):
        shards(tmp_path, 1, "F7")
