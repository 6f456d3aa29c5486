"""The file of scores that an evaluation continues from."""

import pytest

from universeg.evaluation.score_cache import ScoreCache


def test_scores_are_found_again(tmp_path):
    path = tmp_path / "new" / "scores.jsonl"
    ScoreCache(path).add("source", "task", {"s1": [50.0, 1 / 3], "s2": [0.0, 100.0]})
    ScoreCache(path).add("source", "task", {"s3": [7.0, 8.0]})
    cache = ScoreCache(path)
    assert [cache.find("source", "task", query) for query in ("s1", "s3", "s4")] == [[50.0, 1 / 3], [7.0, 8.0], None]
    assert cache.find("other", "task", "s1") is None
    assert cache.find("source", "other", "s1") is None


def test_an_incomplete_last_line_is_removed(tmp_path):
    path = tmp_path / "scores.jsonl"
    ScoreCache(path).add("source", "task", {"s1": [50.0]})
    complete = path.read_bytes()
    path.write_bytes(complete + b'{"source": "cut sh')
    cache = ScoreCache(path)
    assert path.read_bytes() == complete
    cache.add("source", "task", {"s2": [60.0]})
    assert ScoreCache(path).find("source", "task", "s2") == [60.0]


@pytest.mark.parametrize(
    "line", ['{"loss": 1}', "[]", "nonsense", '{"source": "", "task": "", "query": "", "dice": 1}']
)
def test_a_file_of_something_else_is_refused(tmp_path, line):
    path = tmp_path / "scores.jsonl"
    path.write_text(f"{line}\n")
    with pytest.raises(ValueError, match=r"scores.jsonl, line 1 is not a score.*delete the file"):
        ScoreCache(path)
