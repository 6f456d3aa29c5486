"""What all kinds of labelled folders have in common: images, each with its masks, and the names of the structures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from universeg.prediction.labels import Label
from universeg.prediction.task_pack.bounded_zip import PackError
from universeg.prediction.task_pack.facts import MOST_FACTS, parsed


@dataclass(frozen=True)
class Labelled:
    """An image and its masks. Several masks are parts of one structure, or with `structures` one structure each."""

    name: str
    image: Path
    masks: tuple[Path, ...]
    structures: bool = False


@dataclass(frozen=True)
class Source:
    """A folder of labelled images, of some layout."""

    layout: str
    examples: Sequence[Labelled]
    known: Mapping[int, Label] = field(default_factory=dict)  # names and colours of mask values
    licence: str = ""
    origin: str = ""  # where the images come from, as the folder says
    notes: tuple[str, ...] = ()  # what was left out, and why


def read_json(path: Path) -> dict[str, object]:
    """The object in a JSON file of bounded size. Raises PackError, which names the file."""
    with path.open("rb") as file:
        value = parsed(file.read(MOST_FACTS + 1), str(path))
    if not isinstance(value, dict):
        raise PackError(f"{path}: expected a JSON object")
    return value


def some(names: Sequence[str], shown: int = 5) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more
