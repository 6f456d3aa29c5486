"""Frozen support sets: the same scores from the file, another method on the same episodes, files that do not fit."""

import json
from dataclasses import replace

import numpy as np
import pytest

from universeg.episodes.task_stores import TaskStores
from universeg.evaluation.cli import evaluate, main
from universeg.evaluation.config import Configuration, EvaluateConfig
from universeg.evaluation.protocol import query_episodes
from universeg.evaluation.supports import Supports, store_digest

TASK = "Kept/g/m/a/0"


def all_dice(result):
    return [[score.dice for score in scores] for scores in result.scores.values()]


@pytest.fixture
def frozen(config, tmp_path):
    """An evaluation that wrote its support sets, and its result."""
    config = replace(config, weights=(*config.weights,), ensemble=(1, 3), supports=tmp_path / "sets.json")
    return config, evaluate(config)


def test_the_file_has_every_draw_and_changes_no_score(config, frozen):
    used, result = frozen
    plain = evaluate(replace(config, ensemble=(1, 3), out=config.out / "plain"))
    assert all_dice(result) == all_dice(plain)
    store = TaskStores(config.stores).of(TASK)
    supports = Supports.read(used.supports)
    assert sorted(supports.sets) == ["Kept/g/m/a/0", "Kept/g/m/b/0"]
    for query in ("s8@0", "s9@1"):
        assert supports.episodes(TASK, query, 3, 3) == query_episodes(store, TASK, query, 3, 3, config.seed)
    assert used.supports.stat().st_size < 3000


def test_the_same_episodes_are_used_whatever_the_other_settings_say(frozen):
    used, result = frozen
    before = used.supports.read_bytes()
    again = evaluate(replace(used, seed=9, split="dev", queries=1, out=used.out / "again"))
    assert all_dice(again) == all_dice(result)
    assert used.supports.read_bytes() == before, "a file that exists is never changed"


def test_the_support_sets_come_from_the_file_not_from_a_new_draw(frozen):
    used, _ = frozen
    content = json.loads(used.supports.read_text())
    for task in content["tasks"].values():
        for sets in task["queries"].values():
            sets["3"] = [[0, 0, 0]] * 3
    used.supports.write_text(json.dumps(content))
    mean = evaluate(replace(used, weights=("mean-mask",), ensemble=(1,), out=used.out / "changed"))
    store = TaskStores(used.stores).of(TASK)
    first = store.read(TASK, [content["tasks"][TASK]["names"][0]])[1][0] > 0
    for score in mean.scores[Configuration("mean-mask", 3, 1)]:
        if score.task.key == TASK:
            truth = store.read(TASK, [score.query])[1][0] > 0
            assert score.dice == pytest.approx(200 * (first & truth).sum() / (first.sum() + truth.sum()))


def test_tasks_and_datasets_can_be_chosen_from_the_file(frozen):
    used, _ = frozen
    some = evaluate(replace(used, tasks=("*/a/0",), out=used.out / "some"))
    assert {score.task.key for score in some.queries} == {TASK}
    with pytest.raises(ValueError, match="has no support sets of Other; it has those of Kept"):
        evaluate(replace(used, datasets=("Other",)))


def test_more_than_the_file_has_is_refused(frozen):
    used, _ = frozen
    with pytest.raises(ValueError, match=r"4 support sets with N = 3 are needed, the file has N = 3: 3; set --support"):
        evaluate(replace(used, ensemble=(4,)))
    with pytest.raises(ValueError, match=r"3 support sets with N = 2 are needed"):
        evaluate(replace(used, support_size=(2,)))


def test_another_store_is_refused(frozen, tmp_path, make_store):
    used, _ = frozen
    path = make_store(tmp_path / "other", "Kept", role="held-out")
    with pytest.raises(ValueError, match=r"(?s)of other stores.*Kept: .*other/Kept.lmdb has the digest \w+, expected"):
        evaluate(replace(used, stores=(path,)))
    path = make_store(tmp_path / "other", "Else", role="held-out")
    with pytest.raises(ValueError, match="Kept: there is no store of it"):
        evaluate(replace(used, stores=(path,)))


def test_the_digest_of_a_store_follows_pixels_names_and_splits_of_middle_slices(tmp_path, make_store):
    def digest(folder, *args, **kwargs):
        (store,) = TaskStores([make_store(tmp_path / folder, *args, role="held-out", **kwargs)]).by_dataset.values()
        return store_digest(store)

    one = digest("one", "Kept")
    assert digest("again", "Kept") == one
    assert digest("mid", "Kept", slicings=("mid",)) == one, "largest slices are not used for evaluation"
    others = [digest("frames", "Kept", frames=2), digest("label", "Kept", labels=("a",)), digest("pixels", "Kept2")]
    others.append(digest("splits", "Kept", splits=["support"] * 5 + ["dev"] * 3 + ["test"] * 2))
    assert len({one, *others}) == 5


HEAD = '{"format": "universeg supports 1", "stores": {}'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "JSONDecodeError"),
        ("[]", "TypeError"),
        ('{"format": "universeg supports 9", "stores": {}, "tasks": {}}', "its format is 'universeg supports 9'"),
        (HEAD + "}", "tasks"),
        (HEAD + ', "tasks": {"t": {"names": ["a"], "queries": {"q": {"1": [[1]]}}}}}', "there is no name number 1"),
        (HEAD + ', "tasks": {"t": {"names": ["a"], "queries": {"q": {"2": [[0]]}}}}}', "not of 2 names"),
    ],
)
def test_a_file_that_is_no_list_of_support_sets_is_refused(tmp_path, text, words):
    (tmp_path / "sets.json").write_text(text)
    with pytest.raises(ValueError, match="is not a file of support sets") as wrong:
        Supports.read(tmp_path / "sets.json")
    assert words in str(wrong.value)


def test_the_command_writes_and_reads_the_file_and_says_so(config, tmp_path, capsys):
    words = ["--weights", "mean-mask", "--stores", str(config.stores[0]), "--support-size", "3", "--ensemble", "2"]
    words += ["--bootstraps", "5", "--pictures", "1", "--device", "cpu", "--supports", str(tmp_path / "sets.json")]
    for out in ("one", "two"):
        main([*words, "--out", str(tmp_path / out)])
    shown = "".join(capsys.readouterr().out.split())
    assert shown.count("queriesandsupportsets:" + str(tmp_path / "sets.json")) == 2
    one, two = ((tmp_path / out / "results.csv").read_text() for out in ("one", "two"))
    assert one == two
    summary = json.loads((tmp_path / "two" / "summary.json").read_text())
    assert summary["config"]["supports"] == str(tmp_path / "sets.json")
    assert np.isfinite(summary["configurations"][0]["all"]["dice"])


def test_support_sets_and_adapted_weights_cannot_be_combined(config, tmp_path):
    with pytest.raises(ValueError, match=r"supports and levers\.adapt cannot be combined"):
        replace(config, supports=tmp_path / "s.json", levers=replace(config.levers, adapt="always"))
    assert EvaluateConfig(weights=(config.weights[0],), stores=(), out=tmp_path).supports is None
