"""Every experiment runs, and writes its table and figure, or its pictures."""

import csv
import json
from dataclasses import replace

import pytest
from PIL import Image

from universeg.experiments.catalogue import EXPERIMENTS, NAMES, experiment
from universeg.experiments.cli import main, make
from universeg.experiments.networks import networks
from universeg.experiments.scale import SCALES
from universeg.experiments.steps import networks_of, step_file, steps_of
from universeg.experiments.tables import paper_numbers

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


def test_a_step_that_is_done_is_not_done_again(config, monkeypatch):
    make(config, EXPERIMENTS["table-12"])
    monkeypatch.setattr("universeg.experiments.scores.evaluate", lambda config: pytest.fail("it was done again"))
    make(config, EXPERIMENTS["table-12"])
    for step in steps_of(EXPERIMENTS["table-12"], config.numbers):
        assert step_file(config, step).exists()


def test_numbers_of_different_protocols_are_not_mixed(config, tmp_path, capsys):
    words = ["figure-14", "--stores", str(config.stores[0]), "--out", str(tmp_path), "--device", "cpu", "--quiet"]
    main([*words, "--scale", "tiny"])
    main([*words, "--scale", "tiny"])
    for other in (["--scale", "small"], ["--scale", "tiny", "--seed", "1"], ["--scale", "tiny", "--datasets", "Other"]):
        with pytest.raises(SystemExit):
            main([*words, *other])
        assert "holds experiments with other settings" in capsys.readouterr().err


def test_a_missing_network_is_named(config, tmp_path, capsys):
    words = ["--stores", str(config.stores[0]), "--out", str(tmp_path), "--scale", "tiny", "--device", "cpu"]
    with pytest.raises(SystemExit):
        main(["scores/medical", *words])
    assert "there is no network medical" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["table-99", *words])
    assert "unknown experiment 'table-99'; known: figure-13" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["ensembles/universeg", *words])
    assert "needs a support size at its end" in capsys.readouterr().err


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
