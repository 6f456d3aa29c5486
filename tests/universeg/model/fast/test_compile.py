"""Every kernel compiles for GPUs that this machine need not have: in a process of its own, without the interpreter."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("triton", reason="the extra 'kernels' is not installed")

PROGRAM = """
import sys
import triton, triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from universeg.model.fast import enlarge_kernels, kernels

SIZES = dict(F=64, BF=64, FB=64, FS=64, BB=64, BS=64, ACC=tl.float32, SLOPE=0.01, PRECISION="tf32", HAS_D_Y=True)
SIZES["D_Y_PIXEL"] = 128
windows = {"finish": (1, 4), "finish_gradient": (1, 4)}
for name in "first_block first_block_gradient finish finish_gradient enlarge_and_join enlarge_gradient".split():
    for window in windows.get(name, (4,)):
        kernel = getattr(enlarge_kernels if name.startswith("enlarge") else kernels, name)
        sizes = {**SIZES, "K": window, "P": 64 // window}
        types = {
            argument: "constexpr" if argument in sizes
            else "i32" if argument in kernels.COUNTS
            else "fp32" if argument.startswith("step_")
            else "*fp32" if argument == "d_weights"
            else f"*{sys.argv[2]}"
            for argument in kernel.arg_names
        }
        constants = {(n,): sizes[a] for n, a in enumerate(kernel.arg_names) if a in sizes}
        source = ASTSource(kernel, types, constants)
        made = triton.compile(source, target=GPUTarget("cuda", int(sys.argv[1]), 32), options={"num_warps": 8})
        assert made.asm["cubin"], name
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("capability", "dtype"), [("90", "bf16"), pytest.param("80", "fp32", marks=pytest.mark.weekly)]
)
def test_every_kernel_compiles(capability, dtype, tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    environment["TRITON_CACHE_DIR"] = str(tmp_path)
    subprocess.run([sys.executable, "-c", PROGRAM, capability, dtype], env=environment, check=True)
