"""The upper bound: what nnU-Net gets and what is read back, with a fake in place of its commands."""

import json
import textwrap
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from universeg.base.atomic_write import write_json
from universeg.episodes.dice import dice
from universeg.experiments import nnunet, nnunet_commands
from universeg.experiments.catalogue import EXPERIMENTS
from universeg.experiments.cli import main, make
from universeg.experiments.methods import nnunet_files, nnunet_means
from universeg.experiments.nnunet import folds, run_nnunet, soft_prediction, task_folder
from universeg.experiments.nnunet_commands import NnunetRun
from universeg.experiments.tables import Number

TASK = "Other/g/m/z/0"
# nnU-Net's commands, which write what it writes. Its best weights predict the ground truth; its last ones nothing.
FAKE = """
import json, os, sys
from pathlib import Path
import numpy as np
import torch

raw, pre, results = (Path(os.environ[f"nnUNet_{kind}"]) for kind in ("raw", "preprocessed", "results"))
words = sys.argv[1:]
name = "Dataset001_task"
facts = json.loads((raw / name / "dataset.json").read_text())
assert facts["labels"] == {"background": 0, "z": 1}, facts

def plan():
    (pre / name).mkdir(parents=True, exist_ok=True)

def train():
    assert len(json.loads((pre / name / "splits_final.json").read_text())) == 3
    fold = results / name / f"{words[words.index('-tr') + 1]}__nnUNetPlans__2d" / f"fold_{words[2]}"
    fold.mkdir(parents=True)
    numbers = {"lr": np.float64(0.1), "loss": [np.float32(1)]}
    content = {"network_weights": {"w": torch.zeros(5, 2), "b": torch.zeros(3)}, **numbers}
    for checkpoint in ("checkpoint_final.pth", "checkpoint_best.pth"):
        torch.save(content, fold / checkpoint)

def predict():
    from PIL import Image
    out = Path(words[words.index("-o") + 1])
    out.mkdir(parents=True)
    best = "checkpoint_best.pth" in words
    assert words[words.index("-f") + 1 : words.index("-f") + 4] == ["0", "1", "2"]
    for path in Path(words[words.index("-i") + 1]).glob("*_0000.png"):
        image = np.asarray(Image.open(path))
        inside = (image > 150).astype(np.float32) * (0.8 if best else 0)
        case = path.name.removesuffix("_0000.png")
        np.savez(out / f"{case}.npz", probabilities=np.stack([1 - inside, inside])[:, None])
"""


@pytest.fixture
def fake(tmp_path, monkeypatch):
    (tmp_path / "fake_nnunet.py").write_text(textwrap.dedent(FAKE))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(nnunet_commands, "ENTRIES", {what: ("fake_nnunet", what) for what in nnunet_commands.ENTRIES})
    monkeypatch.setattr(nnunet, "find_spec", lambda name: True)


@pytest.mark.weekly
def test_a_task_is_trained_on_support_chosen_on_dev_and_reported_on_test(config, fake, done, tmp_path):
    (tmp_path / "networks").symlink_to(done / "networks")
    config = replace(config, datasets=("Other",), folds=3, out=tmp_path)
    assert run_nnunet(config) == []
    folder = task_folder(config, TASK)
    result = json.loads((folder / "result.json").read_text())
    store, queries = config.task_stores.of(TASK), config.task_stores.of(TASK).subjects(TASK, "test")
    assert [query for _, query, _ in result["scores"]] == queries
    for _, query, value in result["scores"]:
        image, mask = store.read(TASK, [query])
        assert value == dice(image[0] > 150, mask[0] > 0) > 80
        np.testing.assert_allclose(soft_prediction(config, TASK, query), (image[0] > 150) * 0.8)
    assert result["checkpoint"] == "checkpoint_best.pth"
    assert result["dice_of_checkpoints"]["checkpoint_final.pth"] == 0
    assert (result["parameters"], result["folds"], result["chosen_on"]) == (13, 3, "dev")
    assert result["seconds"] > 0
    lines = (folder / "seconds.txt").read_text().splitlines()
    assert [line.split()[0] for line in lines] == ["plan", "train", "train", "train", "predict", "predict"]
    raw = folder / "raw" / "Dataset001_task"
    assert len(list((raw / "imagesTr").iterdir())) == len(store.subjects(TASK, "support")) == 6
    assert len(list((raw / "imagesTs").iterdir())) == 4
    with Image.open(raw / "labelsTr" / "support0000.png") as mask:
        np.testing.assert_array_equal(np.asarray(mask), store.read(TASK, store.subjects(TASK, "support")[:1])[1][0])
    assert soft_prediction(config, "KeptA/g/m/a/0", "s8") is None
    # It is a row of table 5, with a note of what is missing.
    make(config, EXPERIMENTS["table-5"])
    text = (tmp_path / "table-5" / "table.md").read_text()
    assert "| nnU-Net |" in text
    assert "nnU-Net: 1 of 1 tasks are done" in text
    # What is done is not done again.
    (folder / "result.json").write_text(json.dumps(result))
    run_nnunet(replace(config, folds=2))
    assert json.loads((folder / "result.json").read_text())["folds"] == 3


def test_folds_keep_the_images_of_a_subject_together():
    support = {f"support{n:04d}": name for n, name in enumerate(f"s{s}@{f}" for s in range(7) for f in range(2))}
    found = folds(support, 5)
    assert len(found) == 5
    for fold in found:
        subjects = [{support[case].split("@")[0] for case in fold[part]} for part in ("train", "val")]
        assert not subjects[0] & subjects[1]
        assert len(fold["train"]) + len(fold["val"]) == 14
    assert sorted(case for fold in found for case in fold["val"]) == sorted(support)
    assert len(folds({"a": "s0", "b": "s1"}, 5)) == 2


def test_a_task_that_another_trainer_did_is_named(config, fake, tmp_path):
    config = replace(config, datasets=("Other",), out=tmp_path)
    write_json(task_folder(config, TASK) / "result.json", {"trainer": "QuickTrainer"})
    assert run_nnunet(config) == []
    (line,) = run_nnunet(replace(config, trainer="nnUNetTrainer"))
    assert line.startswith(f"{TASK}: done before with QuickTrainer, not nnUNetTrainer; delete {tmp_path}")


def test_only_datasets_whose_tasks_are_all_done_have_a_mean(config, tmp_path):
    config = replace(config, out=tmp_path)
    for task, row in ((TASK, "Other"), ("KeptB/g/m/a/0", "Kept")):
        dataset, query = task.split("/")[0], config.queries.queries[task][0]
        content = {
            "task": task,
            "dataset": dataset,
            "row": row,
            "scores": [[task, query, 50.0], [task, "unknown", 0.0]],
        }
        write_json(task_folder(config, task) / "result.json", content)
    assert nnunet_means(config, nnunet_files(config)) == {"Other": Number(50, 0)}, "KeptA is missing"
    alone = replace(config, datasets=("Other", "KeptB"))
    assert list(nnunet_means(alone, nnunet_files(alone))) == ["Kept", "Other", "All"]


@pytest.mark.slow
def test_a_failed_command_shows_the_end_of_its_log(config, fake, tmp_path, monkeypatch):
    config = replace(config, out=tmp_path)
    (tmp_path / "task").mkdir()
    with pytest.raises(ValueError, match=r"nnU-Net's plan ended with status 1; the end of [\s\S]*dataset\.json"):
        NnunetRun(config, tmp_path / "task").plan()


def test_without_nnunet_the_command_says_what_to_install(config, monkeypatch, capsys):
    monkeypatch.setattr(nnunet, "find_spec", lambda name: None)
    with pytest.raises(SystemExit):
        main(["nnunet", "--stores", str(config.stores[0]), "--out", str(config.out)])
    assert "pip install 'universeg[nnunet]'" in capsys.readouterr().err
