import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from universeg.episodes.dice import dice
from universeg.episodes.episode import TaskStores
from universeg.evaluation import scorer as scoring
from universeg.evaluation.cli import evaluate, main
from universeg.evaluation.config import Configuration, EvaluateConfig
from universeg.evaluation.protocol import supports
from universeg.model import ModelConfig, UniverSeg, save_model

FILES = ["results.csv", "summary.csv", "summary.json", "summary.md", "pictures.png", "boxes.png"]


@pytest.fixture
def config(stores_folder, tmp_path):
    save_model(UniverSeg(ModelConfig((4, 4))), tmp_path / "w.safetensors")
    return EvaluateConfig(
        weights=(tmp_path / "w.safetensors",), stores=(stores_folder,), out=tmp_path / "out", support_size=(3,),
        ensemble=(2,), bootstraps=50, device="cpu", quiet=True,
    )  # fmt: skip


def command(config, *extra):
    given = ["-w", *map(str, config.weights), "--stores", str(config.stores[0]), "-o", str(config.out)]
    return [*given, "--support-size", "3", "--ensemble", "2", *extra]


def dices(scores):
    return [score.dice for score in scores]


class Threshold(UniverSeg):
    """Marks what is brighter than 0.3: finds both discs."""

    def forward(self, query, support_images, support_masks):
        return (query - 0.3) * 100


def test_held_out_datasets_are_scored(config, monkeypatch):
    monkeypatch.setattr("universeg.evaluation.cli.segmenter", lambda path: Threshold(ModelConfig((1,))))
    result = evaluate(config)
    (scores,), (averages,) = result.scores.values(), result.averages.values()
    assert {score.task.key for score in scores} == {"Kept/g/m/a/0", "Kept/g/m/b/0"}
    assert {score.query for score in scores} == {f"s{n}@{frame}" for n in (8, 9) for frame in (0, 1)}
    store = TaskStores(config.stores).by_dataset["Kept"]
    for score in scores:
        image, mask = store.read(score.task.key, [score.query])
        assert score.dice == dice(image[0] > 0.3 * 255, mask[0] > 0)
    assert averages.all.dice == pytest.approx(np.mean(dices(scores)))
    assert averages.all.deviation > 0
    assert result.empty == 0


def test_datasets_of_one_row_weigh_as_one(config, make_store, tmp_path):
    for name in ("Left", "Right"):
        make_store(tmp_path / "rows", name, role="held-out", row="Both")
    make_store(tmp_path / "rows", "Other", role="held-out")
    main(command(replace(config, stores=(tmp_path / "rows",))))
    with (config.out / "summary.csv").open(newline="") as file:
        found = {(row["level"], row["name"]): float(row["dice"]) for row in csv.DictReader(file)}
    both = found["row", "Both"]
    assert both == pytest.approx((found["dataset", "Left"] + found["dataset", "Right"]) / 2, abs=1e-3)
    assert found["all", "all datasets"] == pytest.approx((both + found["dataset", "Other"]) / 2, abs=1e-3)
    assert "| **Both** | 4 | 8 |" in (config.out / "summary.md").read_text()


def test_the_dev_split_can_be_segmented_instead(config):
    (scores,) = evaluate(replace(config, split="dev")).scores.values()
    store = TaskStores(config.stores).by_dataset["Kept"]
    assert {score.query for score in scores} == set(store.subjects("Kept/g/m/a/0", "dev"))
    main(command(config, "--split", "dev"))
    assert "on the dev split" in (config.out / "summary.md").read_text()


def test_the_command_writes_its_files(config, capsys):
    main(command(config))
    shown = capsys.readouterr().out
    assert "support size N = 3, ensemble of K = 2" in shown
    assert "Kept/g/m/0" in shown
    with (config.out / "results.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    assert len(found) == 8
    assert found[0]["query"] == "s8@0"
    summary = json.loads((config.out / "summary.json").read_text())
    (configuration,) = summary["configurations"]
    assert configuration["all"]["dice"] == pytest.approx(np.mean([float(row["dice"]) for row in found]), abs=1e-3)
    assert (configuration["support_size"], configuration["ensemble"]) == (3, 2)
    assert summary["roles"] == {"Kept": "held-out"}
    assert summary["queries"] == 8
    assert f"| **all datasets** | 2 | 8 | {configuration['all']['dice']:.1f}" in (config.out / "summary.md").read_text()
    with (config.out / "summary.csv").open(newline="") as file:
        (everything,) = [row for row in csv.DictReader(file) if row["level"] == "all"]
    assert float(everything["dice"]) == pytest.approx(configuration["all"]["dice"], abs=1e-3)
    for name in ("pictures.png", "boxes.png"):
        with Image.open(config.out / name) as picture:
            assert picture.width > 300
    assert not (config.out / "support_size.png").exists()


def test_the_same_call_gives_the_same_bytes(config):
    main(command(config, "-q"))
    before = [(config.out / name).read_bytes() for name in FILES]
    (config.out / "scores.jsonl").unlink()
    main(command(config, "-q"))
    assert [(config.out / name).read_bytes() for name in FILES] == before


def test_networks_sizes_and_ensembles_are_compared_in_one_table(config):
    main(command(config, "-w", str(config.weights[0]), "mean-mask", "--support-size", "1", "4", "--ensemble", "1", "3"))
    shown = " ".join((config.out / "summary.md").read_text().split())
    assert "mean-mask, N = 4, K = 3" in shown
    with (config.out / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 2 * 2 * 8
    assert (config.out / "support_size.png").stat().st_size > 1000
    # An ensemble of one is the first of the three; and alone it gives what it gives beside others.
    alone = evaluate(replace(config, support_size=(4,), ensemble=(1,), weights=("mean-mask",), out=config.out / "x"))
    beside = [
        float(r["dice"]) for r in rows if (r["weights"], r["support_size"], r["ensemble"]) == ("mean-mask", "4", "1")
    ]
    assert beside == pytest.approx(dices(alone.scores[Configuration("mean-mask", 4, 1)]), abs=1e-4)


class Killed(Exception):
    pass


def test_a_killed_evaluation_goes_on_where_it_was(config, monkeypatch):
    uninterrupted = evaluate(replace(config, out=config.out / "whole"))
    whole, calls = scoring.probabilities, []

    def killed(network, batch, compute):
        if len(calls) == 7:  # the fourth of eight queries, each segmented twice
            raise Killed
        calls.append(1)
        return whole(network, batch, compute)

    monkeypatch.setattr(scoring, "probabilities", killed)
    with pytest.raises(Killed):
        evaluate(config)
    log = config.out / "scores.jsonl"
    assert len(log.read_text().splitlines()) == 3
    with log.open("a") as file:
        file.write('{"source": "cut sh')
    calls.clear()
    monkeypatch.setattr(scoring, "probabilities", lambda *given: calls.append(1) or whole(*given))
    result = evaluate(replace(config, pictures=0))
    assert len(calls) == 2 * 5
    assert result.reused == 3
    assert result.scores == uninterrupted.scores


@pytest.mark.parametrize(
    "other", [{"seed": 1}, {"support_size": (4,)}, {"ensemble": (1, 2)}, {"precision": "bfloat16"}, {"weights": 1}]
)
def test_scores_of_something_else_are_not_reused(config, other):
    evaluate(config)
    if "weights" in other:  # the same name, another network
        save_model(UniverSeg(ModelConfig((4, 4)), seed=1), config.weights[0])
        other = {}
    assert evaluate(replace(config, **other)).reused == 0


def test_a_log_of_something_else_is_refused(config):
    config.out.mkdir()
    (config.out / "scores.jsonl").write_text('{"loss": 1}\n')
    with pytest.raises(ValueError, match=r"scores.jsonl, line 1 is not a score.*remove the file"):
        evaluate(config)


def test_many_at_once_give_the_same(config, monkeypatch):
    one = evaluate(replace(config, ensemble=(1, 3)))
    monkeypatch.setattr(scoring, "PAIRS_AT_ONCE", {"cpu": 40})
    sizes, whole = [], scoring.probabilities
    monkeypatch.setattr(scoring, "probabilities", lambda n, b, c: sizes.append(len(b.query)) or whole(n, b, c))
    many = evaluate(replace(config, ensemble=(1, 3), out=config.out / "many", pictures=0))
    assert max(sizes) == 9  # three queries, three supports each
    for configuration, scores in one.scores.items():
        np.testing.assert_allclose(dices(many.scores[configuration]), dices(scores), atol=0.5)


def test_supports_depend_on_their_name_alone(stores_folder):
    store = TaskStores([stores_folder]).by_dataset["Kept"]
    first = supports(store, "Kept/g/m/a/0", "s8@0", 3, 2, 0)
    assert first == supports(store, "Kept/g/m/a/0", "s8@0", 3, 5, 0)[:2]
    assert len({*first, *supports(store, "Kept/g/m/a/0", "s9@0", 3, 2, 0)}) == 4
    assert first != supports(store, "Kept/g/m/a/0", "s8@0", 3, 2, 1)
    names = {name for episode in first for name in episode.support}
    assert names <= set(store.subjects("Kept/g/m/a/0", "support"))


def test_datasets_can_be_named_and_seen_ones_are_marked(config, capsys):
    main(command(config, "--datasets", "One", "Kept"))
    assert "not held out, training may have seen them: One" in capsys.readouterr().out
    (configuration,) = json.loads((config.out / "summary.json").read_text())["configurations"]
    assert set(configuration["datasets"]) == {"One", "Kept"}
    assert configuration["all"]["dice"] == pytest.approx(
        np.mean([d["dice"] for d in configuration["datasets"].values()])
    )


def test_tasks_without_test_queries_are_listed(tmp_path, make_store, config):
    make_store(tmp_path / "s", "Full", role="held-out")
    make_store(tmp_path / "s", "Untested", role="held-out", splits=["support"] * 3)
    assert evaluate(replace(config, stores=(tmp_path / "s",))).left_out == ["Untested/g/m/a/0", "Untested/g/m/b/0"]
    with pytest.raises(ValueError, match="none of 2 tasks has middle slices in both"):
        evaluate(replace(config, stores=(tmp_path / "s",), datasets=("Untested",)))


@pytest.mark.parametrize(
    ("words", "extra"),
    [
        ("unknown dataset 'Foo'; known: Kept, One, Two", ["--datasets", "Foo"]),
        ("no such file; give a .safetensors", ["-w", "nowhere.safetensors"]),
        ("ensemble must be at least 1, got 0", ["--ensemble", "0"]),
        ("one or several different values", ["--support-size", "2", "2"]),
    ],
)
def test_mistakes_are_explained(config, capsys, words, extra):
    with pytest.raises(SystemExit) as stop:
        main(command(config, *extra))
    assert stop.value.code
    captured = capsys.readouterr()
    assert words in " ".join((captured.err + captured.out).split())  # lines are broken to fit the terminal


def test_without_held_out_stores_one_is_told_to_name_some(config, stores_folder):
    with pytest.raises(ValueError, match=r"they are One; name those.*--datasets"):
        evaluate(replace(config, stores=(stores_folder / "One.lmdb",)))
