"""The command: what it says, and what it needs."""

import subprocess
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


@pytest.mark.parametrize("package", ["uvicorn", "starlette", "filelock"])
def test_without_the_extra_the_help_is_shown_and_the_extra_is_named(tmp_path, package):
    write_pictures(tmp_path, 1)
    code = "import sys; sys.modules[sys.argv.pop(1)] = None; from universeg.app.cli import main; main()"
    command = [sys.executable, "-c", code, package]
    helped = subprocess.run([*command, "--help"], capture_output=True, text=True, check=False)
    assert helped.returncode == 0, helped.stderr
    refused = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True, check=False)
    assert refused.stderr.startswith(f"universeg-app: this needs the extra app ({package}")
    assert refused.stderr.endswith("is missing): pip install 'universeg[app]'\n")


def test_a_taken_port_is_said_if_no_other_is_free(monkeypatch):
    monkeypatch.setattr(cli, "TRIED", 1)
    first = cli._listen(9470)
    try:
        with pytest.raises(OSError, match="no port from 9470 to 9470 is free; choose another one with --port"):
            cli._listen(9470)
    finally:
        first.close()
