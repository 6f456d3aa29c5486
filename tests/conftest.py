"""Without an NVIDIA driver, Triton runs the kernels in its interpreter. It must know that before it is imported."""

import gc
import os
from pathlib import Path

if not Path("/proc/driver/nvidia").exists():
    os.environ["TRITON_INTERPRET"] = "1"

gc.disable()  # collection makes many objects, and hardly any garbage


def pytest_collection_finish() -> None:
    """Leave what was collected out of each later search for garbage."""
    gc.collect()
    gc.freeze()
    gc.enable()
