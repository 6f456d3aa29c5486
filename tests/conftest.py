"""How all tests run: Triton's interpreter, the order of the files, and the garbage collector."""

import gc
import os
from pathlib import Path

import pytest

# Without an NVIDIA driver, Triton runs the kernels in its interpreter. It must know that before it is imported.
if not Path("/proc/driver/nvidia").exists():
    os.environ["TRITON_INTERPRET"] = "1"

gc.disable()  # collection makes many objects, and hardly any garbage


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first, so that no process waits at the end for the last long file of another one."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_collection_finish() -> None:
    """Leave what was collected out of each later search for garbage."""
    gc.collect()
    gc.freeze()
    gc.enable()
