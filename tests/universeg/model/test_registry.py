"""Weights by name: in the package or fetched once, with their licence shown, whole or not at all."""

import hashlib

import pytest
import torch

from universeg import UniverSeg, load_model
from universeg.__main__ import main
from universeg.model import registry as module
from universeg.model.registry import Weights, registry, weights_path


@pytest.fixture
def server(tmp_path, monkeypatch):
    """The published weights on a local address, and an empty folder for what is fetched."""
    theirs = tmp_path / "server" / "universeg.pt"
    theirs.parent.mkdir()
    torch.save(UniverSeg(seed=3).state_dict(), theirs)
    entry = Weights("published", "medical datasets", "OpenRAIL++-M", url=theirs.as_uri())
    monkeypatch.setattr(module, "registry", lambda: {"published": entry})
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    return theirs


def test_published_weights_are_fetched_once_and_their_licence_is_shown(server, capsys):
    network = load_model("published")
    assert torch.equal(network.out_conv.conv.weight, UniverSeg(seed=3).out_conv.conv.weight)
    assert "OpenRAIL" in capsys.readouterr().err
    server.unlink()
    load_model("published")  # the file is there: nothing is fetched again
    assert capsys.readouterr().err == ""


def test_a_failed_download_leaves_nothing_and_says_what_to_do(server, tmp_path):
    server.unlink()
    with pytest.raises(OSError, match="download it in a browser, and save it as"):
        load_model("published")
    assert not list((tmp_path / "hub" / "checkpoints").iterdir())


@pytest.mark.parametrize("weights", [w for w in registry().values() if w.file], ids=lambda w: w.name)
def test_the_registry_says_which_bytes_the_package_holds(weights):
    assert hashlib.sha256(weights.path().read_bytes()).hexdigest() == weights.sha256


def test_the_command_lists_all_weights_and_prints_the_file_of_one(capsys):
    main(["weights"])
    listed = capsys.readouterr().out
    assert all(name in listed for name in registry())
    main(["weights", "synthetic"])
    assert capsys.readouterr().out.strip() == str(weights_path("synthetic"))
    with pytest.raises(SystemExit):
        main(["weights", "nonsense"])
    assert "known: published, synthetic" in capsys.readouterr().err
