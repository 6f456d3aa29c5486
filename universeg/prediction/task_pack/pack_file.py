"""Open and write task packs: one zip file with images, masks, `task.json`, and sometimes adapted weights."""

import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from universeg.base.atomic_write import atomic_write, write_json
from universeg.episodes.lever_flags import InferenceLevers
from universeg.imageio.image import SAME_GRID, LoadedImage, grid_distance
from universeg.imageio.load import read_colours, read_image, read_labels
from universeg.prediction.settings import Settings
from universeg.prediction.task_pack.bounded_zip import PackError, digest_of, read_member, unpack
from universeg.prediction.task_pack.facts import FACTS, MOST_FACTS, WEIGHTS, Example, Facts, facts_from
from universeg.prediction.task_pack.pixel_files import MOST_PIXELS_FILE

MEMBER = re.compile(r"(images|masks)/[\w][\w .+@=()-]{0,99}\.(png|nii\.gz)")
MOST_WEIGHTS = 256 << 20  # bytes
OLDEST = (1980, 1, 1, 0, 0, 0)  # the time of every member, so that the same content gives the same bytes
LEVERS = tuple(field.name for field in fields(InferenceLevers))
NOT_IN_PACKS = ("label", "merge_labels", "seed", "device")  # settings of one call, or that the pack's masks answer


@dataclass(frozen=True)
class TaskPack:
    """An open pack: its facts, and the folder in which its files lie; the folder is also a support folder."""

    facts: Facts
    folder: Path
    where: str  # the zip file, for messages

    @property
    def settings(self) -> Settings:
        """The settings of a prediction with this task. Raises PackError for settings of another version."""
        return settings_from(self.facts, self.where)

    @property
    def levers(self) -> dict[str, Any]:
        """The levers that were chosen for this task, as universeg predict takes them."""
        return {name: value for name, value in self.facts.settings.items() if name in LEVERS}

    @property
    def weights(self) -> Path | None:
        """The file of the adapted weights, if there are any."""
        return self.folder / self.facts.weights if self.facts.weights else None

    def image(self, example: Example) -> LoadedImage:
        """The image with its colours."""
        return read_colours(self.folder / example.image)

    def grey(self, example: Example) -> LoadedImage:
        """The image with its luminance."""
        return read_image(self.folder / example.image)

    def mask(self, example: Example) -> NDArray[np.uint8]:
        """The label map: 0 outside, n inside the n-th label."""
        return np.asarray(read_labels(self.folder / example.mask).values, np.uint8)


@contextmanager
def open_pack(path: Path) -> Iterator[TaskPack]:
    """A pack, unpacked in a temporary folder for as long as the block runs; all digests are checked first.

    Only what `task.json` lists is unpacked, and no more bytes of it than it lists.

    Raises PackError for a file that is not a task pack, is damaged, or could do harm.
    """
    text = read_member(path, FACTS, MOST_FACTS)
    if text is None:
        raise PackError(f"{path}: is not a task pack, it has no {FACTS}; make one with: universeg-task create")
    facts = facts_from(text, str(path))
    sizes = {FACTS: len(text)} | {name: min(_most_bytes(name), file.bytes) for name, file in facts.files.items()}
    with tempfile.TemporaryDirectory(prefix="universeg-task-") as temporary:
        folder = Path(temporary) / path.name  # so that messages about a file name the pack
        folder.mkdir()
        found = unpack(path, folder, lambda name: sizes.get(name, 0))
        differing = sorted(name for name, file in facts.files.items() if found.get(name) != file)
        if differing:
            more = f" and {len(differing) - 5} more" if len(differing) > 5 else ""
            raise PackError(
                f"{path}: {', '.join(differing[:5])}{more}: missing, or not as {FACTS} says (SHA-256);"
                " copy the pack again, or make it again with: universeg-task create"
            )
        write_json(folder / "labels.json", {"labels": [asdict(label) for label in facts.labels]})  # where predict looks
        yield TaskPack(facts, folder, str(path))


def check_pixels(pack: TaskPack) -> None:
    """Read every image and mask. Raises ImageError or PackError for one that is damaged or does not fit."""
    for example in pack.facts.examples:
        image, labels = pack.grey(example), read_labels(pack.folder / example.mask)
        if image.shape != labels.shape or grid_distance(image, labels) > SAME_GRID:
            raise PackError(f"{pack.where}: image and mask of example {example.name} are on different grids")
        count = len(pack.facts.labels)
        if labels.values.min() < 0 or labels.values.max() > count:
            raise PackError(f"{pack.where}: the mask of example {example.name} has values beyond its {count} labels")


def write_pack(path: Path, facts: Facts, folder: Path) -> Facts:
    """Write a pack of the files in `folder` that `facts` names, completely or not at all; the facts with digests.

    Members are sorted and have no time, so the same content gives the same bytes. They are not compressed again.
    """
    names = [member for example in facts.examples for member in (example.image, example.mask)]
    names += [WEIGHTS] if (folder / WEIGHTS).is_file() else []
    facts = replace(facts, files={name: digest_of(folder / name) for name in sorted(names)})
    facts_from(facts.to_json().encode(), str(path))  # whoever reads it checks the same
    with atomic_write(path) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(_member(FACTS), facts.to_json())
        for name in facts.files:
            with (folder / name).open("rb") as source, archive.open(_member(name), "w") as target:
                shutil.copyfileobj(source, target, 1 << 20)
    return facts


def settings_from(facts: Facts, where: str) -> Settings:
    """The settings of a prediction that a pack names. Raises PackError for one that this version does not have."""
    known = {field.name for field in fields(Settings)}.difference(NOT_IN_PACKS)
    unknown = sorted(set(facts.settings) - known - set(LEVERS))
    if unknown:
        raise PackError(f"{where}: unknown settings {', '.join(unknown)}; install the universeg that made the pack")
    try:
        return Settings(**{name: value for name, value in facts.settings.items() if name in known})
    except (ValueError, TypeError) as error:
        raise PackError(f"{where}: {error}") from error


def chosen_settings(settings: Settings, levers: InferenceLevers) -> dict[str, Any]:
    """What a pack keeps of settings and levers: those that differ from the defaults and belong to the task."""
    return {
        field.name: getattr(given, field.name)
        for given in (settings, levers)
        for field in fields(given)
        if field.name not in NOT_IN_PACKS and getattr(given, field.name) != field.default
    }


def _most_bytes(name: str) -> int:
    if MEMBER.fullmatch(name):
        return MOST_PIXELS_FILE
    return {FACTS: MOST_FACTS, WEIGHTS: MOST_WEIGHTS}.get(name, 0)


def _member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, OLDEST)
    info.create_system, info.external_attr = 3, 0o100644 << 16
    return info
