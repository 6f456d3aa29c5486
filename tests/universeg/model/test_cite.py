"""`universeg cite`: stores, folders, weights, checkpoints and names of weights say which data is behind them."""

import json

import pytest
import torch

from universeg import UniverSeg
from universeg.__main__ import main
from universeg.model import save_model
from universeg.model.cite import seen, weights_datasets
from universeg.store import Store, write_store
from universeg.store.citation import facts_of

LICENCE = {"name": "CC BY-NC 4.0", "url": None, "research": "yes", "commercial": "no", "redistribution": "yes"}
CITATION = [{"text": "Ada: A heart. Hearts 1, 2020", "doi": "10.1000/heart", "arxiv": None}]


@pytest.fixture
def store(tmp_path):
    header = {"dataset": "Hearts", "title": "t", "role": "train", "size": 8, "licence": LICENCE, "citation": CITATION}
    write_store(tmp_path / "stores/Hearts.lmdb", {**header, "splits": {}}, [])
    return Store(tmp_path / "stores/Hearts.lmdb")


def cited(capsys, *words):
    main(["cite", *map(str, words)])
    return capsys.readouterr().out


def test_a_store_and_its_folder_are_cited(store, capsys):
    text = cited(capsys, store.path)
    assert "Hearts (in the store): CC BY-NC 4.0" in text
    assert "commercial: no (because of Hearts)" in text
    assert "doi = {10.1000/heart}" in text
    assert cited(capsys, store.path.parent) == text


def test_weights_and_checkpoints_keep_what_they_were_trained_on(store, tmp_path, capsys):
    datasets = seen([(store, "training")], ["train"], None)
    save_model(UniverSeg(), tmp_path / "best.safetensors", {"config": json.dumps({"datasets": datasets})})
    torch.save({"config": {"datasets": datasets}}, tmp_path / "step.pt")
    for name in ("best.safetensors", "step.pt"):
        text = cited(capsys, tmp_path / name)
        assert "Hearts (training): CC BY-NC 4.0" in text
        assert "synthetic tasks made during training (training): made by this software" in text
        assert "commercial: no (because of Hearts)" in text


def test_what_the_first_weights_had_seen_is_seen_too(store, tmp_path):
    about = {"config": json.dumps({"datasets": [facts_of(store.header)]})}
    save_model(UniverSeg(), tmp_path / "init.safetensors", about)
    save_model(UniverSeg(), tmp_path / "old.safetensors")
    assert [(one["dataset"], one["used_for"]) for one in seen([], [], tmp_path / "init.safetensors")] == [
        ("Hearts", "first weights")
    ]
    (unknown,) = seen([], [], tmp_path / "old.safetensors")
    assert unknown["dataset"] == "unknown data of old.safetensors"
    assert seen([], [], "synthetic")[0]["licence"]["commercial"] == "yes"


def test_named_weights_have_their_own_terms(capsys):
    assert "commercial: no (because of weights 'published')" in cited(capsys, "published", "synthetic")
    by_path = cited(capsys, "universeg/weights/synthetic.safetensors")
    assert by_path == cited(capsys, "synthetic")
    assert "commercial: yes" in by_path


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("none.safetensors", None, "no such file; give a store"),
        ("text.safetensors", b"hello", "is not a readable weights file"),
        ("text.pt", b"hello", "is not a checkpoint"),
    ],
)
def test_other_files_are_named(tmp_path, capsys, name, content, words):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(SystemExit) as stopped:
        main(["cite", str(tmp_path / name)])
    assert stopped.value.code == 1
    assert words in capsys.readouterr().err


def test_weights_that_do_not_say_it_are_named(tmp_path):
    save_model(UniverSeg(), tmp_path / "old.safetensors")
    with pytest.raises(ValueError, match="does not say which data it was trained on"):
        weights_datasets(tmp_path / "old.safetensors")
    torch.save({"config": {"datasets": [1]}}, tmp_path / "step.pt")
    with pytest.raises(ValueError, match="does not say"):
        weights_datasets(tmp_path / "step.pt")
