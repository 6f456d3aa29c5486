"""Make a task pack from labelled images, and add what belongs to the task: names, settings, weights, licence."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from universeg.base.file_names import file_names
from universeg.episodes.lever_flags import InferenceLevers
from universeg.imageio.image import ImageError, LoadedImage, extended
from universeg.imageio.load import read_colours
from universeg.prediction.labels import Label, colour
from universeg.prediction.settings import Settings
from universeg.prediction.sources import check_pair, loaded_image, loaded_labels
from universeg.prediction.task_pack.bounded_zip import PackError
from universeg.prediction.task_pack.facts import MOST_EXAMPLES, MOST_LABELS, WEIGHTS, Example, Facts
from universeg.prediction.task_pack.pack_file import TaskPack, chosen_settings
from universeg.prediction.task_pack.pixel_files import write_pair
from universeg.prediction.task_pack.sources import Labelled, Source

Advance = Callable[[], None]


@dataclass(frozen=True)
class Wishes:
    """What a person adds to the labelled images."""

    name: str
    label_names: tuple[str, ...] = ()  # in the order of the values
    settings: Settings = field(default_factory=Settings)
    levers: InferenceLevers = field(default_factory=InferenceLevers)
    licence: str = ""
    source: str = ""
    weights: Path | None = None
    number_names: bool = False  # 001, 002 ... in place of the names of files


def collect(
    source: Source, wishes: Wishes, folder: Path, advance: Advance = lambda: None
) -> tuple[TaskPack, list[str]]:
    """Write all examples to `folder`, which becomes that of a pack; `advance` is called twice for each example.

    The second result says what had to be decided about masks.

    Raises one error that lists everything that is wrong with the images and masks.
    """
    count = len(source.examples)
    if not 1 <= count <= MOST_EXAMPLES:
        raise PackError(f"{count} labelled images; a task pack has 1 to {MOST_EXAMPLES}")
    values, problems, notes = list[set[int]](), list[str](), list[str]()
    for one in source.examples:
        try:
            labels = _labels(one, wishes.settings)
            values.append(_values(labels))
            notes += [f"{one.name}: {note}" for note in labels.notes]
        except (ValueError, OSError) as error:
            problems.append(f"  {error}")
        advance()
    _raise(problems)
    table, numbered = _numbering(values, source, wishes)
    names = (
        [f"{n:03d}" for n in range(1, count + 1)]
        if wishes.number_names
        else file_names([one.name for one in source.examples])
    )
    examples = list[Example]()
    for name, one in zip(names, source.examples, strict=True):
        try:
            examples.append(_written(folder, name, one, wishes.settings, table))
        except (ValueError, OSError) as error:
            problems.append(f"  {error}")
        advance()
    _raise(problems)
    if wishes.weights:
        _check_weights(wishes.weights)
        shutil.copyfile(wishes.weights, folder / WEIGHTS)
    facts = Facts(
        wishes.name,
        numbered,
        tuple(examples),
        chosen_settings(wishes.settings, wishes.levers),
        _words(wishes.licence or source.licence),
        _words(wishes.source or source.origin),
    )
    return TaskPack(facts, folder, wishes.name), notes


def _written(folder: Path, name: str, one: Labelled, settings: Settings, table: dict[int, int]) -> Example:
    image = loaded_image(one.image, name) if one.image.is_dir() else read_colours(one.image)  # a folder: DICOM series
    labels = extended(_labels(one, settings), image)
    check_pair(replace(image, values=image.brightness), labels)
    numbers = np.zeros(labels.values.shape, np.uint8)
    for value, number in table.items():
        numbers[labels.values == value] = number
    return Example(name, *write_pair(folder, name, image, numbers))


def _labels(one: Labelled, settings: Settings) -> LoadedImage:
    """The label map with the values of the files: those that are not wanted are 0, merged ones are 1."""
    labels = loaded_labels(one.masks if len(one.masks) > 1 else one.masks[0], one.name, one.structures)
    if settings.label is not None:
        return replace(labels, values=np.where(labels.values == settings.label, labels.values, 0))
    if settings.merge_labels:
        return replace(labels, values=np.asarray(labels.values != 0, np.uint8))
    return labels


def _values(labels: LoadedImage) -> set[int]:
    found = {int(value) for value in np.unique(labels.values)}
    if min(found) < 0 or len(found) > MOST_LABELS + 1:
        raise ImageError(
            f"the mask has {len(found)} distinct values from {min(found)} to {max(found)}",
            labels.where,
            "are images and masks swapped? If each value is one object, use --merge-labels",
        )
    return found - {0}


def _numbering(values: Sequence[set[int]], source: Source, wishes: Wishes) -> tuple[dict[int, int], tuple[Label, ...]]:
    """Which number each value of the masks gets in the pack, and the labels with these numbers."""
    found, given = sorted(set[int]().union(*values)), wishes.label_names
    if not found:
        raise PackError("all masks are empty; check the masks, or the value of --label")
    known = {} if given or wishes.settings.label is not None or wishes.settings.merge_labels else source.known
    unnamed = len(found) > 1 and not set(found) <= known.keys() and len(given) < 2
    if unnamed and all(len(some) <= 1 for some in values):  # each mask marks one structure, by whatever value
        return {0: 0} | dict.fromkeys(found, 1), (Label(1, given[0] if given else wishes.name, colour(0)),)
    if given and len(given) != len(found):
        shown = ", ".join(map(str, found))
        raise PackError(f"the masks have the values {shown}: expected {len(found)} --label-names, got {len(given)}")
    labels = list[Label]()
    for number, value in enumerate(found, 1):
        usual = Label(number, wishes.name if len(found) == 1 else f"label {value}", colour(number - 1))
        label = replace(usual, name=given[number - 1]) if given else known.get(value, usual)
        labels.append(replace(label, value=number))
    return {0: 0} | {value: number for number, value in enumerate(found, 1)}, tuple(labels)


def _check_weights(path: Path) -> None:
    """Raise PackError or ValueError for anything but weights of this package."""
    if path.suffix != ".safetensors":
        raise PackError(f"{path}: expected weights in a .safetensors file, which cannot hold a program")
    from universeg.model import load_model

    load_model(path)


def _words(text: str) -> tuple[str, ...]:
    return (text.strip(),) if text.strip() else ()


def _raise(problems: Sequence[str]) -> None:
    if problems:
        raise PackError("\n".join(["no task pack was made, since some images cannot be used:", *problems]))
