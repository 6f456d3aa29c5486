"""Scores of a network: ensembles, the threshold, batches, and continuing after an interruption."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from torch import nn

from universeg.episodes.dice import dice
from universeg.episodes.task_stores import TaskStores
from universeg.evaluation import scorer as scoring
from universeg.evaluation.baselines import BASELINES
from universeg.evaluation.cli import evaluate
from universeg.evaluation.config import Configuration
from universeg.evaluation.protocol import query_episodes
from universeg.evaluation.scorer import weights_digest
from universeg.model import ModelConfig, UniverSeg, save_model
from universeg.model.registry import weights_path
from universeg.store import Record, pack, write_store

SIZE, ENSEMBLE = 3, 3  # the mean probability of MeanMask is a multiple of 1/9, so it is never at the threshold


def dices(scores):
    return [score.dice for score in scores]


class Bright(nn.Module):
    """Marks what is brighter than 0.3, which is both discs."""

    def forward(self, target_image, support_images, support_labels):
        return (target_image - 0.3) * 100


def test_every_query_of_held_out_datasets_is_scored(config, stores_folder, monkeypatch):
    monkeypatch.setattr("universeg.evaluation.cli.segmenter", lambda path: Bright())
    result = evaluate(replace(config, stores=(stores_folder,)))
    (scores,), (averages,) = result.scores.values(), result.averages.values()
    queries = [f"s{n}@{frame}" for n in (8, 9) for frame in (0, 1)]
    assert [(s.task.key, s.query) for s in scores] == [(f"Kept/g/m/{label}/0", q) for label in "ab" for q in queries]
    store = TaskStores([stores_folder]).by_dataset["Kept"]
    for score in scores:
        image, mask = store.read(score.task.key, [score.query])
        assert score.dice == dice(image[0] > 0.3 * 255, mask[0] > 0)
    assert averages.all.dice == pytest.approx(np.mean(dices(scores)))
    assert averages.all.standard_deviation > 0
    assert result.empty == 0


WRONG_MASKS = {
    "averages thresholded masks": lambda each: (each > 0.5).mean(0) > 0.5,
    "uses only the first prediction": lambda each: each[0] > 0.5,
    "uses only the last prediction": lambda each: each[-1] > 0.5,
    "takes the maximum": lambda each: each.max(0) > 0.5,
    "has a low threshold": lambda each: each.mean(0) > 0.4,
    "has a high threshold": lambda each: each.mean(0) > 0.6,
}


def test_an_ensemble_is_the_thresholded_mean_of_its_probabilities(config):
    """The probabilities of the mean mask depend on the support set, so they differ within an ensemble."""
    config = replace(config, weights=(Path("mean-mask"),), support_size=(SIZE,), ensemble=(1, ENSEMBLE))
    scores = evaluate(config).scores
    store = TaskStores(config.stores).by_dataset["Kept"]
    single, ensemble = (scores[Configuration("mean-mask", SIZE, count)] for count in config.ensemble)
    wrong = {name: list[float]() for name in WRONG_MASKS}
    for one, several in zip(single, ensemble, strict=True):
        task, query = one.task.key, one.query
        episodes = query_episodes(store, task, query, SIZE, ENSEMBLE, config.seed)
        each = np.array([store.read(task, episode.support)[1].mean(0) for episode in episodes])
        ground_truth = store.read(task, [query])[1][0] > 0
        assert several.dice == dice(each.mean(0) > 0.5, ground_truth)
        assert one.dice == dice(each[0] > 0.5, ground_truth)
        for name, mask in WRONG_MASKS.items():
            wrong[name].append(dice(mask(each), ground_truth))
    for name, values in wrong.items():
        assert values != dices(ensemble), f"these scores would not show that an ensemble {name}"


class MiddleSlicesOnly(nn.Module):
    """The mean support mask. Fails unless the query and the support images have their structure on the left."""

    def forward(self, target_image, support_images, support_labels):
        assert target_image[..., :8].all()
        assert support_images[..., :8].all()
        return support_labels.mean(1) - 0.5


def test_query_ground_truth_and_support_are_middle_slices(config, tmp_path, monkeypatch):
    """The structure is on the left in middle slices, and on the right in slices of the largest area."""
    left, right = np.zeros((2, 16, 16), np.uint8)
    left[:, :8], right[:, 8:] = 255, 255
    splits = {f"s{n}": "support" if n < 3 else "test" for n in range(5)}
    records = [
        Record(slicing, "g", "m", 0, subject, pixels, {"a": pixels})
        for slicing, pixels in (("mid", left), ("max", right))
        for subject in splits
    ]
    header = {"dataset": "Sides", "size": 16, "role": "held-out", "splits": splits}
    write_store(tmp_path / "Sides.lmdb", header, sorted(map(pack, records)))
    monkeypatch.setattr("universeg.evaluation.cli.segmenter", lambda path: MiddleSlicesOnly())
    (scores,) = evaluate(replace(config, stores=(tmp_path / "Sides.lmdb",), pictures=1)).scores.values()
    assert dices(scores) == [100, 100]


class Killed(Exception):
    pass


def test_an_interrupted_evaluation_continues_where_it_was(config, monkeypatch):
    uninterrupted = evaluate(replace(config, out=config.out / "uninterrupted"))
    original, calls = scoring.probabilities, []

    def killed(network, batch, compute):
        if len(calls) == 7:  # the fourth of eight queries; each has two predictions
            raise Killed
        calls.append(1)
        return original(network, batch, compute)

    monkeypatch.setattr(scoring, "probabilities", killed)
    with pytest.raises(Killed):
        evaluate(config)
    assert len((config.out / "scores.jsonl").read_text().splitlines()) == 3
    calls.clear()
    monkeypatch.setattr(scoring, "probabilities", lambda *given: calls.append(1) or original(*given))
    result = evaluate(config)
    assert len(calls) == 2 * 5
    assert result.reused == 3
    assert result.scores == uninterrupted.scores


@pytest.mark.parametrize(
    "other", [{"seed": 1}, {"support_size": (4,)}, {"ensemble": (1, 2)}, {"precision": "bfloat16"}], ids=str
)
def test_scores_of_other_settings_are_not_used_again(config, other):
    config = replace(config, tasks=("*/a/0",))
    evaluate(config)
    assert evaluate(config).reused == 4
    assert evaluate(replace(config, **other)).reused == 0


def test_scores_of_other_weights_with_the_same_name_are_not_used_again(config, tmp_path):
    config = replace(config, tasks=("*/a/0",), weights=(tmp_path / "w.safetensors",))
    for seed in (0, 1):
        save_model(UniverSeg(ModelConfig((4, 4)), seed), config.weights[0])
        assert evaluate(config).reused == 0


def test_several_episodes_at_once_give_the_same_scores(config, monkeypatch):
    config = replace(config, ensemble=(1, 3))
    one_by_one = evaluate(config)
    monkeypatch.setattr(scoring, "PAIRS_AT_ONCE", {"cpu": 40})
    sizes, original = [], scoring.probabilities
    monkeypatch.setattr(scoring, "probabilities", lambda n, b, c: sizes.append(len(b.query)) or original(n, b, c))
    together = evaluate(replace(config, out=config.out / "together"))
    assert max(sizes) == 9  # three queries with three support sets each
    for configuration, scores in one_by_one.scores.items():
        np.testing.assert_allclose(dices(together.scores[configuration]), dices(scores), atol=0.5)


def test_a_configuration_has_the_same_scores_alone_and_beside_others(config):
    names = (config.weights[0], Path("mean-mask"))
    several = evaluate(replace(config, weights=names, support_size=(1, 3), ensemble=(1, 3)))
    alone = evaluate(replace(config, weights=names[1:], support_size=(3,), ensemble=(1,), out=config.out / "alone"))
    ((configuration, scores),) = alone.scores.items()
    assert configuration == Configuration("mean-mask", 3, 1)
    assert several.scores[configuration] == scores
    assert len(several.scores) == 8
    assert len({tuple(dices(scores)) for scores in several.scores.values()}) > 4


def test_the_digest_of_weights_is_the_hash_of_their_file(weights):
    assert weights_digest(weights) == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert weights_digest(Path("synthetic")) == hashlib.sha256(weights_path("synthetic").read_bytes()).hexdigest()
    assert [weights_digest(Path(name)) for name in BASELINES] == list(BASELINES)
