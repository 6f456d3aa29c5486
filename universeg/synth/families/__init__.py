"""The families of synthetic tasks: one file each. F0, the paper's own recipe, is in `universeg.synth.paper`.

A family is a function from `Draws` (the random numbers of a task) to a `Scene` (images and named parts of M subjects).
It invents the geometry, places it in each subject and renders it. The simulated acquisition, the choice of labels and
the check that they can be learnt are common to all families; `scene/candidates.py` adds them.

To add a family:

1. Write one file here, with one public function. `mosaic.py` is a short example. Which random numbers a function draws
   must depend only on `integer`, `chance` and `choice`. Other numbers are tensors in a batch of tasks, in which each
   task has its own: use `cos`, `sin` and `at_most` of `scene/numbers.py` for them, no `if`, and `with_dims` where they
   are combined with tensors that are not (M, H, W).
2. Add its line to `FAMILIES` in `mixes.py`, and its weight to `TRAIN` if networks shall be trained on it.
3. Add the expected ranges of its labels to `BANDS` in `statistics.py`. `python -m universeg.synth statistics NAME`
   shows the measured values, and `python -m universeg.synth sheet --family NAME --out NAME.jpg` draws examples.
"""
