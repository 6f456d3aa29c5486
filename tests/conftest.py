"""Without an NVIDIA driver, Triton runs the kernels in its interpreter. It must know that before it is imported."""

import os
from pathlib import Path

if not Path("/proc/driver/nvidia").exists():
    os.environ["TRITON_INTERPRET"] = "1"
