"""Every experiment runs, and writes its table and figure, or its pictures."""

import csv
import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
from PIL import Image
from torch import nn

from universeg.base.atomic_write import write_json
from universeg.experiments.catalogue import EXPERIMENTS, NAMES, experiment
from universeg.experiments.cli import main, make
from universeg.experiments.gallery import Shown
from universeg.experiments.networks import networks
from universeg.experiments.results import result_of
from universeg.experiments.scale import SCALES
from universeg.experiments.step_files import read_step
from universeg.experiments.steps import MAKERS, do_step, networks_of, step_file, steps_of
from universeg.experiments.tables import markdown, paper_numbers

WITH_FIGURE = {"table-5", "table-7", "table-8", "table-9", "table-10", "figure-13"}


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_it_makes_what_the_paper_has(name, config):
    found = EXPERIMENTS[name]
    make(config, found)
    folder = config.out / name
    if found.kind == "pictures":
        pictures = sorted(folder.glob("*.png"))
        assert len(pictures) == (2 if name == "figure-5" else 1)
        for path in pictures:
            with Image.open(path) as picture:
                assert min(picture.size) > 100
        return
    content = json.loads((folder / "table.json").read_text())
    with (folder / "table.csv").open() as file:
        lines = {(line["row"], line["column"]): float(line["value"]) for line in csv.DictReader(file)}
    cells = {(row, c): number["value"] for row, columns in content["cells"].items() for c, number in columns.items()}
    assert lines == cells
    assert "Scale tiny" in (folder / "table.md").read_text()
    assert (folder / "figure.png").exists() == (name in WITH_FIGURE)


def test_the_rows_of_grids_are_those_of_the_paper():
    for found in EXPERIMENTS.values():
        if found.rows or found.best_of:
            theirs = paper_numbers()[found.name] if found.kind == "grid" else {}
            ours = {row.label for row in found.rows} or set(found.best_of) | {"nnU-Net"}
            assert not theirs or ours == set(theirs), found.name
            columns = {row.column for row in found.rows} - {""}
            assert not columns or columns == {c for cells in theirs.values() for c in cells}


def test_every_network_is_used_and_every_used_network_exists():
    used = {name for found in EXPERIMENTS.values() for name in networks_of(found, SCALES["full"])}
    assert used == set(networks())
    assert len(networks_of(EXPERIMENTS["table-7"], SCALES["full"])) == 7
    small = ["universeg-1", "universeg-2", "universeg-4", "universeg"]
    assert networks_of(EXPERIMENTS["table-7"], SCALES["small"]) == small


def test_names_of_figures_are_those_of_their_tables():
    assert experiment("figure-4").name == "table-5"
    paper = {"table-1", "table-2", *(f"table-{n}" for n in (5, 6, 7, 8, 9, 10, 11, 12))}
    assert paper | {f"figure-{n}" for n in (*range(4, 10), *range(13, 22))} == set(NAMES)


@pytest.mark.slow
def test_a_step_that_is_done_is_not_done_again(config, monkeypatch):
    make(config, EXPERIMENTS["table-12"])
    monkeypatch.setattr("universeg.experiments.scores.evaluate", lambda config: pytest.fail("it was done again"))
    make(config, EXPERIMENTS["table-12"])
    for step in steps_of(EXPERIMENTS["table-12"], config.numbers):
        assert step_file(config, step).exists()


def test_a_step_is_done_again_for_other_weights(config, tmp_path, monkeypatch, capsys):
    weights = tmp_path / "w.safetensors"
    weights.write_bytes(b"one")
    config = replace(config, out=tmp_path, weights=(str(weights),), quiet=False)
    monkeypatch.setitem(MAKERS, "limited", lambda config, name, weights, size: {"of": weights.read_bytes().decode()})
    for content, again in ((b"one", False), (b"one", False), (b"two", True)):
        weights.write_bytes(content)
        do_step(config, "limited/universeg")
        assert read_step(tmp_path / "limited" / "universeg.json")["of"] == content.decode()
        assert ("was made with other weights of universeg; it is made again" in capsys.readouterr().err) == again
    # A network that was trained here can be deleted when its steps are done.
    do_step(replace(config, weights=()), "limited/universeg")


def test_the_best_setting_of_each_model_is_in_bold(config, tmp_path):
    config = replace(config, out=tmp_path)
    query, rows = ["KeptA/g/m/a/0", "s8"], {"KeptA": "Kept"}
    networks = EXPERIMENTS["table-11"].networks
    for number, name in enumerate(networks):  # the last network of a model is the best; an ensemble adds 1
        scores = {str(k): [[*query, 10 + number + k]] for k in (1, 2)}
        write_json(tmp_path / "scores" / f"{name}.json", {"scores": scores, "rows": rows})
    best = [(f"{model}, N = 64", "with, K = 10") for model in ("PANet", "ALPNet", "SE-net", "UniverSeg")]
    assert result_of(config, EXPERIMENTS["table-11"])[0].best == best
    by_dataset = [(f"{row}, with", column) for row, _ in best for column in ("Kept", "All")]
    table, _ = result_of(config, EXPERIMENTS["table-12"])
    assert table.best == by_dataset
    assert "**27.0 ± 0.0**" in markdown(table)


def test_pictures_show_the_same_images_for_all_labels():
    names, tasks = [f"s{number}" for number in range(10)], ("D/g/m/a/0", "D/g/m/b/0")
    store = SimpleNamespace(subjects=lambda task, split: names if split == "test" else [])
    scored = SimpleNamespace(queries={tasks[0]: names[:3], tasks[1]: names[5:8]})  # a small scale takes some of each
    config = SimpleNamespace(seed=0, queries=scored, task_stores=SimpleNamespace(of=lambda task: store))
    first, second = (Shown(config, nn.Identity(), task).queries() for task in tasks)
    assert first == second
    assert len(set(first)) == 3


def test_numbers_of_different_protocols_are_not_mixed(config, tmp_path, capsys):
    words = ["figure-14", "--stores", str(config.stores[0]), "--out", str(tmp_path), "--device", "cpu", "--quiet"]
    main([*words, "--scale", "tiny"])
    main([*words, "--scale", "tiny"])
    for other in (["--scale", "small"], ["--scale", "tiny", "--seed", "1"], ["--scale", "tiny", "--datasets", "Other"]):
        with pytest.raises(SystemExit):
            main([*words, *other])
        assert "holds experiments with other settings" in capsys.readouterr().err
    with pytest.raises(SystemExit):  # a network too is trained for one scale
        main(["network/synth", *words[1:], "--scale", "small"])
    assert "scale: was tiny, is small" in capsys.readouterr().err


def test_a_missing_network_is_named(config, tmp_path, capsys):
    words = ["--stores", str(config.stores[0]), "--out", str(tmp_path), "--scale", "tiny", "--device", "cpu"]
    with pytest.raises(SystemExit):
        main(["scores/medical", *words])
    assert "there is no network medical" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["table-12", *words, "--weights", "panet-1=mean-mask"])
    printed = capsys.readouterr().err
    assert "table-12 needs networks that are missing" in printed
    assert "panet-1-plain, panet-64, " in printed, "all of them, without those that are given"
    with pytest.raises(SystemExit):
        main(["table-8", *words, "--weights", "panet=mean-mask"])
    assert "unknown network in --weights 'panet'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["table-99", *words])
    assert "unknown experiment 'table-99'; known: figure-13" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["ensembles/universeg", *words])
    assert "needs a support size at its end" in capsys.readouterr().err
    # What failed left no numbers, so other settings are not refused.
    main(["figure-14", *words, "--seed", "1", "--quiet"])


def test_weights_can_be_given(config, tmp_path):
    config = replace(config, out=tmp_path, weights=("mean-mask", "medical=grey"))
    assert config.given_weights() == {"universeg": "mean-mask", "medical": "grey"}
    make(config, EXPERIMENTS["figure-20"])
    with pytest.raises(ValueError, match="NETWORK=FILE"):
        replace(config, weights=("=x",))


def test_the_list_names_everything(capsys):
    main(["list", "--scale", "small"])
    printed = capsys.readouterr().out
    assert all(name in printed for name in EXPERIMENTS)
    assert "nnunet" in printed
