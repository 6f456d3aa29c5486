"""A short run of `fuzz.py`, which damages files; thousands more: see its first lines."""

import pytest
from fuzzing.worker import outcomes

ROUNDS = 30


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_damaged_files_end_with_a_result_or_a_message():
    found = list(outcomes(0, range(ROUNDS)))
    assert len(found) == ROUNDS
    assert [outcome for outcome in found if outcome.what == "failure"] == []
    assert {outcome.what for outcome in found} == {"result", "message"}
