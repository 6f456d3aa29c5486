"""The stage `synthetic`: one chunk of synthetic tasks as records. Each task is a group; all have one modality."""

from collections.abc import Iterator
from pathlib import Path

from pipeline.attrition import Dropped
from pipeline.build.shard import write_shard
from pipeline.config import load_config
from pipeline.manifest.schema import load_manifest
from pipeline.progress import progress_bar
from universeg.base.rng import rng_for
from universeg.store import Record
from universeg.synth import SynthConfig, drawn_family, make_task

MODALITY = "synthetic"


def synthetic(config: Path, manifest: Path, chunk: int, out: Path) -> None:
    """Generate one chunk of synthetic tasks (paper, section D).

    Args:
        config: The resolved settings: how many tasks and subjects, which seed, family and size.
        manifest: The YAML that describes the dataset, with the family that is made if the config names none.
        chunk: Which part of the tasks, from 0.
        out: The shard. What cannot be a label goes beside it, as .csv.
    """
    settings, facts = load_config(config), load_manifest(manifest)
    what, size = settings.synthetic, settings.resolution
    family = what.family or str(facts.generator)
    numbers = range(what.tasks)[chunk :: settings.chunks]

    def results() -> Iterator[Record | Dropped]:
        with progress_bar(facts.name, len(numbers)) as advance:
            for number in numbers:
                yield from records_of_task(family, what.seed, number, what.subjects, size)
                advance(1)

    write_shard(out, facts.name, size, results())


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
