"""The command: what it says, and what it needs."""

import sys

import pytest
from page_folders import write_pictures

from universeg.app import cli
from universeg.app.cli import main


def test_help_teaches(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    for words in ("universeg app my-images", "--no-browser", "--port", "universeg-page", "Not a medical device"):
        assert words in told


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["missing"], "no such folder"),
        (["--port", "0"], "port must be between 1 and 65535"),
    ],
)
def test_mistakes_are_sentences(args, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(args)
    assert ended.value.code in (1, 2)
    assert message in capsys.readouterr().err


def test_without_the_extra_it_is_named(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(SystemExit):
        main([str(write_pictures(tmp_path, 1))])
    assert "pip install 'universeg[app]'" in capsys.readouterr().err


def test_a_taken_port_is_said_if_no_other_is_free(monkeypatch):
    monkeypatch.setattr(cli, "TRIED", 1)
    first = cli._listen(9470)
    try:
        with pytest.raises(OSError, match="no port from 9470 to 9470 is free; choose another one with --port"):
            cli._listen(9470)
    finally:
        first.close()
