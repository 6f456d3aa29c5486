"""A short run of `kills.py`, which kills processes at random moments. A scheduled job of CI kills 200 of all kinds."""

import pytest
from kills import rounds

JOBS = ("fetch", "shard", "predict")  # training has tests/universeg/training/test_resume.py


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_killed_commands_continue_to_the_same_results():
    found = list(rounds(0, range(len(JOBS)), JOBS))
    assert {one.job for one in found} == set(JOBS)
    assert [one for one in found if one.problem] == []
