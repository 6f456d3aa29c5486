import pytest
import torch

from universeg import UniverSeg, load_model
from universeg.model import published


def test_published_weights_are_fetched_once_and_only_when_asked(tmp_path, monkeypatch, capsys):
    theirs = tmp_path / "server" / "universeg.pt"
    theirs.parent.mkdir()
    torch.save(UniverSeg(seed=3).state_dict(), theirs)
    monkeypatch.setattr(published, "URL", theirs.as_uri())
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    published.main()
    told = capsys.readouterr()
    assert "OpenRAIL" in told.err
    network = load_model(told.out.strip())
    assert torch.equal(network.out_conv.conv.weight, UniverSeg(seed=3).out_conv.conv.weight)
    theirs.unlink()
    published.main()  # it is there
    assert capsys.readouterr().out == told.out


def test_a_failed_download_leaves_nothing_and_says_what_to_do(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(published, "URL", (tmp_path / "gone.pt").as_uri())
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    with pytest.raises(SystemExit, match="1"):
        published.main()
    assert "get it in a browser" in capsys.readouterr().err
    assert not list((tmp_path / "hub" / "checkpoints").iterdir())
