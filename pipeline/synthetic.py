"""Synthetic tasks as the records of a store: each task is a group of its own, all of one made-up modality."""

from collections.abc import Iterator

import torch

from universeg.store import Record
from universeg.synth import FAMILIES
from universeg.tables import choose

MODALITY = "synthetic"


def records_of_task(family: str, seed: int, task: int, subjects: int, size: int) -> Iterator[Record]:
    """The subjects of one task, each with all its labels."""
    torch.set_num_threads(1)  # Snakemake runs one process per core
    made = choose(FAMILIES, family, "family of synthetic tasks")(seed, task, subjects, size)
    for subject, image in enumerate(made.images):
        masks = {label: pixels[subject] for label, pixels in made.labels.items()}
        yield Record("mid", f"task{task:04d}", MODALITY, 0, f"subject{subject:03d}", image, masks)
