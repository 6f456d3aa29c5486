"""The stage `synthetic`: generate one chunk of synthetic tasks. In the store each task is a group of one modality."""

from collections.abc import Iterator
from pathlib import Path

from pipeline.attrition import Dropped
from pipeline.backends.progress import progress_bar
from pipeline.build.shard import write_shard
from pipeline.config import load_config
from pipeline.manifest.schema import load_manifest
from universeg.base.rng import rng_for
from universeg.store import Record
from universeg.synth import SynthConfig, drawn_family, make_task

MODALITY = "synthetic"


def synthetic(config: Path, manifest: Path, chunk: int, out: Path) -> None:
    """Generate one chunk of synthetic tasks (paper, section D).

    Args:
        config: The resolved settings: number of tasks and subjects, seed, family and image size.
        manifest: The dataset's YAML. Its `generator` is the family if the config names none.
        chunk: Number of the chunk, from 0 to `chunks` of the config minus 1.
        out: The shard. A .csv beside it lists the structures that cannot be a label.
    """
    settings, facts = load_config(config), load_manifest(manifest)
    wanted = settings.synthetic
    family = wanted.family or str(facts.generator)
    numbers = range(wanted.tasks)[chunk :: settings.chunks]

    def results() -> Iterator[Record | Dropped]:
        with progress_bar(facts.name, len(numbers)) as advance:
            for number in numbers:
                yield from records_of_task(family, wanted.seed, number, wanted.subjects, settings.resolution)
                advance(1)

    write_shard(out, facts.name, settings.resolution, results())


def records_of_task(family: str, seed: int, task: int, subjects: int, size: int) -> Iterator[Record | Dropped]:
    """Yield a record for each subject of one task, and a row for each structure that cannot be a label.

    If `family` is a mix of families, the name of the group begins with the family that was drawn for this task.
    """
    drawn = drawn_family(family, rng_for("family", family, seed, task))
    made = make_task(seed, task, subjects, size, SynthConfig.of(drawn))
    group = f"task{task:04d}" if drawn == family else f"{drawn} {task:04d}"
    for subject, image in enumerate(made.images):
        masks = {label: pixels[subject] for label, pixels in made.labels.items()}
        yield Record("mid", group, MODALITY, 0, f"subject{subject:03d}", image, masks)
    for label, reason in made.dropped.items():
        yield Dropped(group, "", MODALITY, label=label, reason=reason, remedy="none", known=True)
