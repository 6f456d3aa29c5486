"""Files are written completely or not at all."""

import json
import os
import platform
import subprocess
import sys

import pytest

from universeg.base.atomic_write import atomic_write, write_json


def test_a_failed_write_leaves_no_file(tmp_path):
    target = tmp_path / "deep" / "x.txt"
    with pytest.raises(UnicodeEncodeError), atomic_write(target) as part:
        part.write_text("half \udcff", encoding="utf-8")
    assert list(target.parent.iterdir()) == []
    with atomic_write(target) as part:
        part.write_text("whole")
    assert target.read_text() == "whole"
    assert [path.name for path in target.parent.iterdir()] == ["x.txt"]


def test_a_failed_write_leaves_the_old_file(tmp_path):
    target = tmp_path / "x.txt"
    target.write_text("old")
    with pytest.raises(UnicodeEncodeError), atomic_write(target) as part:
        part.write_text("new \udcff", encoding="utf-8")
    assert target.read_text() == "old"


def test_leftovers_of_killed_processes_are_deleted(tmp_path):
    kill_itself = (
        "import os, pathlib; from universeg.base.atomic_write import atomic_write\n"
        "with atomic_write(pathlib.Path('x.txt')) as part:\n"
        "    part.write_text('half'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", kill_itself], cwd=tmp_path)
    (leftover,) = tmp_path.iterdir()
    assert leftover.name.endswith(".part")
    of_running_process = tmp_path / f".x.txt.{platform.node()}.{os.getppid()}.part"
    of_running_process.touch()
    with atomic_write(tmp_path / "x.txt") as part:
        part.write_text("whole")
    assert {path.name for path in tmp_path.iterdir()} == {"x.txt", of_running_process.name}


def test_json_is_written_in_readable_utf8(tmp_path):
    write_json(tmp_path / "x.json", {"name": "Größe", "values": [1, 2.5, None]})
    text = (tmp_path / "x.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"name": "Größe", "values": [1, 2.5, None]}
    assert text.startswith('{\n  "name": "Größe",\n')
    assert text.endswith("}\n")


def test_a_value_that_is_not_json_leaves_the_old_file(tmp_path):
    write_json(tmp_path / "x.json", 1)
    with pytest.raises(TypeError):
        write_json(tmp_path / "x.json", {"path": tmp_path})
    assert (tmp_path / "x.json").read_text() == "1\n"
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]
