"""What all commands have in common: here, the end of who reads their output, and what C libraries print."""

import subprocess
import sys

import pytest

from universeg.base.command import READER_ENDED

WRITES = "import sys; from universeg.base.command import run_command; run_command('x', lambda _: {action})"
MUCH = "sys.stdout.writelines(['line\\n'] * 100_000)"
LITTLE = "sys.stdout.write('line\\n') and None"
OTHER_PIPE = "(_ for _ in ()).throw(BrokenPipeError(32, 'a worker ended'))"


def with_reader_that_ends(*command):
    """Exit status and standard error of a command whose reader ended before it wrote anything."""
    process = subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.close()
    error = process.stderr.read()
    process.stderr.close()
    return process.wait(), error


@pytest.mark.parametrize(
    "command",
    [
        ["-c", WRITES.format(action=MUCH)],
        ["-c", WRITES.format(action=LITTLE)],  # which Python writes at its end
        ["-m", "pipeline", "fetch", "--help"],
        ["-m", "pipeline", "--help"],
        ["-m", "universeg", "--help"],
        ["-m", "universeg", "cite", "--version"],
        ["-m", "universeg", "cite", "--help"],
    ],
)
def test_a_command_ends_without_a_message_when_its_reader_ends(command):
    status, error = with_reader_that_ends(*command)
    assert error == ""
    assert status in (READER_ENDED, 1)  # rich, which writes --help, ends the process with 1


def test_another_broken_pipe_is_an_error():
    run = subprocess.run(
        [sys.executable, "-c", WRITES.format(action=OTHER_PIPE)], capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stderr) == (1, "x: [Errno 32] a worker ended\n")


def test_what_c_libraries_print_is_told_from_messages_of_python():
    """A progress bar may be drawn by another thread while a library reads an image."""
    action = """
import os, sys
from universeg.base.command import run_command
from universeg.imageio.library_warnings import printed_lines

def action(words):
    with printed_lines() as lines:
        os.write(2, b"any text of a library\\n")
        sys.stderr.write("a bar of Python\\n")
    sys.stdout.write(str(lines))

run_command("x", action)
"""
    run = subprocess.run([sys.executable, "-c", action], capture_output=True, text=True, check=False)
    assert (run.stdout, run.stderr) == ("['any text of a library']", "a bar of Python\n")
