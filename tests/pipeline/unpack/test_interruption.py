"""A run of unpacking that is killed or stopped can be repeated, and never leaves a folder that looks complete."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from archives import put, tree, zipped
from runs import wait_for

from pipeline.unpack import unpack

ROOT = Path(__file__).parents[3]

STOP_AFTER_TEN_FILES = """
import sys, time
from pathlib import Path
from pipeline.manifest.source_file import SourceFile
from pipeline.unpack import unpack

archive, folder, marker = map(Path, sys.argv[1:])
write, targets = unpack._write, []

def stop_after_ten(member, target):
    if len(targets) == 10:
        marker.touch()
        time.sleep(600)
    targets.append(target)
    yield from write(member, target)

unpack._write = stop_after_ten
unpack.unpack([(SourceFile(file="a.zip", url="http://x"), archive)], folder)
"""


def test_a_killed_run_leaves_nothing_that_prevents_a_second_run(tmp_path):
    files = {f"{number:03}.txt": str(number).encode() for number in range(20)}
    one = put(tmp_path, "a.zip", zipped(files), name=None)
    folder, part, marker = tmp_path / "raw/Toy", tmp_path / "raw/.Toy.part", tmp_path / "unpacking"
    command = [sys.executable, "-c", STOP_AFTER_TEN_FILES, str(one[1]), str(folder), str(marker)]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        wait_for(marker.exists, process)
    finally:
        process.kill()
    assert process.wait(timeout=60) == -signal.SIGKILL
    assert len(list(part.iterdir())) == 10
    assert not folder.exists()
    assert tree(unpack.unpack([one], folder).root) == files
    assert not part.exists()


@pytest.mark.parametrize("step", ["replace", "sync"])
def test_a_run_stopped_between_the_last_steps_can_be_repeated(tmp_path, step, monkeypatch):
    """After each of the last steps the folder and its note either agree or are missing."""
    unpack.unpack([put(tmp_path, "a.zip", zipped({"old": b"1"}))], tmp_path / "raw/Toy")
    new = put(tmp_path, "a.zip", zipped({"new": b"2"}))
    real, calls = Path.replace, []

    def stopped(*args: Any) -> Any:
        calls.append(args)
        if step == "sync" or len(calls) == 2:
            raise KeyboardInterrupt
        return real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(*((os, "sync") if step == "sync" else (Path, "replace")), stopped)
        with pytest.raises(KeyboardInterrupt):
            unpack.unpack([new], tmp_path / "raw/Toy")
    assert not (tmp_path / "raw/Toy").exists()
    assert tree(unpack.unpack([new], tmp_path / "raw/Toy").root) == {"new": b"2"}
