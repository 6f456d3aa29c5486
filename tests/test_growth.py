"""The simulation of a build of all datasets on many cores."""

from pathlib import Path

import pytest

from benchmarks import growth
from pipeline.manifest.schema import load_manifests


def jobs(*facts: tuple[str, float, list[int], float]) -> list[growth.Job]:
    return [growth.Job(rule, "D", needs, seconds, megabytes) for rule, seconds, needs, megabytes in facts]


def test_simulated_cores_share_jobs_that_wait_for_each_other():
    chain = jobs(("fetch", 0, [], 0), ("shard", 3600, [0], 0), ("store", 1800, [1], 0))
    assert [growth.simulate(chain, cores) for cores in (1, 9)] == [1.5, 1.5]
    wide = jobs(*[("shard", 3600.0, [], 0.0)] * 6, ("store", 3600, list(range(6)), 0))
    assert [growth.simulate(wide, cores) for cores in (1, 2, 4, 6, 100)] == [7, 4, 3, 2, 2]
    assert [job.rule for job in growth.critical_path(wide)] == ["shard", "store"]


def test_simulated_downloads_share_the_connection_and_need_no_core():
    two = jobs(("fetch", 0, [], 450), ("fetch", 0, [], 450), ("shard", 3600, [0], 0), ("shard", 3600, [1], 0))
    assert growth.simulate(two, 1) == 2
    assert growth.simulate(two, 2, megabits=1) == 3, "the second hour of the download is beside the first shard"
    assert growth.simulate(two, 1, megabits=1) == 3


def test_sizes_that_are_unknown_are_the_median_of_those_known():
    manifests = load_manifests(Path("dataset_manifests"))
    found, assumed = growth.sizes(manifests, 1)
    larger, _ = growth.sizes(manifests, 2)
    assert found["MSD-Liver"] == larger["MSD-Liver"]
    assert found["MSD-Liver"].megabytes == 27_000
    assert larger["WORD"].megabytes == pytest.approx(2 * found["WORD"].megabytes)
    assert 0 < assumed < len(found)
