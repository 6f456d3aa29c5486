"""`python -m pipeline STAGE`: what it lists, what it loads, and how it reports errors."""

import subprocess
import sys
from importlib import import_module

import pytest
import tyro

from pipeline import __main__ as command
from pipeline.__main__ import STAGES
from universeg import __version__

LOADED = "import sys; from pipeline.__main__ import main; main(); sys.stdout.write('\\n' + ' '.join(sys.modules))"
HEAVY = {"SimpleITK", "av", "h5py", "nibabel", "pandas", "pydicom", "requests", "scipy", "skimage", "torch"}
FOLDERS_OF_OTHER_STAGES = {f"pipeline.{name}" for name in ("fetch", "unpack", "match", "build", "authoring")}


def modules_after(*arguments: str) -> set[str]:
    """Names of the modules that a process has loaded when the command is done."""
    run = subprocess.run([sys.executable, "-c", LOADED, *arguments], capture_output=True, text=True, check=True)
    return set(run.stdout.splitlines()[-1].split())


def run(monkeypatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["pipeline", *arguments])
    command.main()


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_is_a_documented_function(name):
    module, line = STAGES[name]
    stage = getattr(import_module(module), name)
    assert stage.__doc__.splitlines()[0].endswith("."), "--help begins with this line"
    assert line
    assert not line.endswith(".")
    with pytest.raises(SystemExit) as end:
        tyro.cli(stage, args=["--help"])
    assert end.value.code == 0


def test_the_list_of_stages_loads_none_of_them(monkeypatch, capsys):
    loaded = modules_after("--help")
    assert not {name for name in loaded if name.startswith("pipeline.")} - {"pipeline.__main__"}
    run(monkeypatch, "--help")
    shown = capsys.readouterr().out
    assert all(f"  {name} " in shown and line in shown for name, (_, line) in STAGES.items())


def test_a_stage_loads_no_other_stage_and_no_library_that_it_does_not_need():
    loaded = modules_after("plan", "--json")
    assert "pipeline.report.plan" in loaded
    assert loaded & HEAVY == set()
    assert loaded & FOLDERS_OF_OTHER_STAGES == set()


def test_the_version_is_that_of_the_package(monkeypatch, capsys):
    run(monkeypatch, "--version")
    assert capsys.readouterr().out == f"universeg {__version__}\n"


def test_an_unknown_stage_is_reported_with_the_known_ones(monkeypatch, capsys):
    with pytest.raises(SystemExit) as end:
        run(monkeypatch, "scans")
    assert end.value.code == 2
    shown = capsys.readouterr().err
    assert "unknown stage 'scans'" in shown
    assert "match" in shown


def test_an_error_is_a_message_and_not_a_traceback(monkeypatch, capsys, tmp_path):
    with pytest.raises(SystemExit) as end:
        run(monkeypatch, "config", "--out", str(tmp_path / "c.json"), "--settings", str(tmp_path / "none.yaml"))
    assert end.value.code == 1
    assert capsys.readouterr().err.startswith("error: ")
