"""How the network computes on a GPU, and why not as its equations are written.

`network.py` and `blocks.py` are the network of the paper, and what a CPU computes. Profiles of them on a GPU show two
limits, neither of which is arithmetic:

- Small work waits for launches. An inference starts more than 100 kernels of a few microseconds each, and starting one
  from Python takes longer than running it. `graphs.py` records them once for each shape of the input, and then starts
  all of them together.
- Large work waits for memory. Adding the query's part, LeakyReLU, the sum over the entries, pooling, enlarging and
  joining each read and write features of all entries. `forward.py` is the same network in three larger steps.
  `plain.py` says in plain PyTorch what these steps are; `fused.py` does each in one pass over memory, with the Triton
  kernels of `kernels.py` and `enlarge_kernels.py`.

`on_gpu.py` chooses. It compares the kernels with their plain twins when they are first used, and computes the equations
if they fail. Nothing here is used on a CPU.
"""
