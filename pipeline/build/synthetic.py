"""Synthetic tasks as the records of a store: each task is a group of its own, all of one made-up modality."""

from collections.abc import Iterable, Iterator

from pipeline.attrition import Dropped
from universeg.base.rng import rng_for
from universeg.store import Record
from universeg.synth import SynthConfig, drawn_family, make_task

MODALITY = "synthetic"


def records_of_tasks(
    family: str, seed: int, tasks: Iterable[int], subjects: int, size: int
) -> Iterator[Record | Dropped]:
    """What is made of some tasks, one after another."""
    for task in tasks:
        yield from records_of_task(family, seed, task, subjects, size)


def records_of_task(family: str, seed: int, task: int, subjects: int, size: int) -> Iterator[Record | Dropped]:
    """The subjects of one task, each with all its labels; and what cannot be a label.

    In a mix of families the name of the group tells which one its task is of.
    """
    drawn = drawn_family(family, rng_for("family", family, seed, task))
    made = make_task(seed, task, subjects, size, SynthConfig(family=drawn))
    group = f"task{task:04d}" if drawn == family else f"{drawn} {task:04d}"
    for subject, image in enumerate(made.images):
        masks = {label: pixels[subject] for label, pixels in made.labels.items()}
        yield Record("mid", group, MODALITY, 0, f"subject{subject:03d}", image, masks)
    for label, reason in made.dropped.items():
        yield Dropped(group, "", MODALITY, label=label, reason=reason, remedy="none", known=True)
