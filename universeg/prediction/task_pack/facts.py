"""What a task pack says about itself: the content of its `task.json`, and strict checks of one that was read."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from universeg import __version__
from universeg.prediction.labels import Label
from universeg.prediction.task_pack.bounded_zip import Digest, PackError

FORMAT = "universeg-task-1"
FACTS = "task.json"
WEIGHTS = "weights.safetensors"
MOST_FACTS = 4 << 20  # bytes of task.json
MOST_EXAMPLES = 1024
MOST_LABELS = 255  # a mask holds the number of a label in 8 bits
MOST_TEXT = 2000  # characters
NAME = re.compile(r"[\w][\w .+@=()-]{0,99}")  # of a task or an example: also the name of a file
HEX = re.compile(r"[0-9a-f]{64}")
KEYS = ("format", "made_by", "name", "labels", "examples", "settings", "licences", "sources", "files")


@dataclass(frozen=True)
class Example:
    """One image with its label map; both are names of members."""

    name: str
    image: str
    mask: str


@dataclass(frozen=True)
class Facts:
    """All that a pack says, without the pixels. The n-th label has the value n in every mask."""

    name: str
    labels: tuple[Label, ...]
    examples: tuple[Example, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)  # of a prediction, where they differ from the defaults
    licences: tuple[str, ...] = ()  # all of them hold
    sources: tuple[str, ...] = ()  # where the images come from, in words
    made_by: str = f"universeg {__version__}"
    files: Mapping[str, Digest] = field(default_factory=dict)  # of every other member

    @property
    def weights(self) -> str | None:
        """The member with adapted weights, if there is one."""
        return WEIGHTS if WEIGHTS in self.files else None

    def to_json(self) -> str:
        """The text of task.json: sorted keys, so that the same facts give the same bytes."""
        value = {"format": FORMAT, **asdict(self)}
        return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def facts_from(text: bytes, where: str) -> Facts:
    """The facts in a task.json. Raises PackError, which says what is wrong with it."""
    value = parsed(text, where)
    try:
        _check_version(value)
        facts = Facts(
            name=_name(value["name"]),
            labels=tuple(_label(number, label) for number, label in enumerate(_list(value["labels"], MOST_LABELS), 1)),
            examples=tuple(
                Example(_name(one["name"]), _text(one["image"]), _text(one["mask"]))
                for one in _list(value["examples"], MOST_EXAMPLES)
            ),
            settings={_text(key): _plain(setting) for key, setting in dict(value["settings"]).items()},
            licences=tuple(map(_text, _list(value["licences"], 64))),
            sources=tuple(map(_text, _list(value["sources"], 64))),
            made_by=_text(value["made_by"]),
            files={
                _text(name): Digest(int(one["bytes"]), _digest(one["sha256"])) for name, one in value["files"].items()
            },
        )
        _check_whole(facts)
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise PackError(f"{where}: its {FACTS} is not that of a task pack ({_reason(error)})") from error
    return facts


def parsed(text: bytes, where: str) -> Any:
    """The value of a JSON text of bounded size. Raises PackError for other texts, and for deep nesting."""
    if len(text) > MOST_FACTS:
        raise PackError(f"{where}: has {len(text)} bytes of JSON; expected at most {MOST_FACTS}")
    try:
        return json.loads(text, parse_constant=_not_a_number)
    except (ValueError, RecursionError) as error:
        raise PackError(f"{where}: is not valid JSON ({_reason(error)})") from error


def _check_version(value: Any) -> None:
    if not isinstance(value, dict) or "format" not in value:
        raise ValueError("it names no format")
    if value["format"] != FORMAT:
        raise ValueError(f"format {value['format']!r}, this version reads {FORMAT}; install a newer universeg")
    strange = sorted(set(value) ^ set(KEYS))
    if strange:
        raise ValueError(f"missing or unexpected: {', '.join(map(str, strange))}")


def _check_whole(facts: Facts) -> None:
    """Each file belongs to one example, and each example has its files."""
    used = [member for example in facts.examples for member in (example.image, example.mask)]
    names = [label.name for label in facts.labels]
    if not facts.labels or not facts.examples:
        raise ValueError("it needs at least one label and one example")
    if len(set(names)) < len(names) or len({example.name for example in facts.examples}) < len(facts.examples):
        raise ValueError("two labels or two examples have the same name")
    expected = {*used, WEIGHTS} if facts.weights else set(used)
    if len(set(used)) < len(used) or expected != set(facts.files):
        raise ValueError("its examples and its list of files do not agree")


def _label(number: int, value: Any) -> Label:
    red, green, blue = (int(part) for part in value["colour"])
    if value["value"] != number or not all(0 <= part <= 255 for part in (red, green, blue)):
        raise ValueError(f"label {number} has the value {value['value']} and the colour {value['colour']}")
    return Label(number, _text(value["name"]), (red, green, blue))


def _name(value: Any) -> str:
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise ValueError(f"{_shown(value)} is not a name: expected letters, digits and . _ + @ = ( ) - and spaces")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > MOST_TEXT:
        raise ValueError(f"expected a text of at most {MOST_TEXT} characters, got {_shown(value)}")
    return value


def _digest(value: Any) -> str:
    if not isinstance(value, str) or not HEX.fullmatch(value):
        raise ValueError(f"expected a SHA-256, got {_shown(value)}")
    return value


def _list(value: Any, most: int) -> list[Any]:
    if not isinstance(value, list) or len(value) > most:
        raise ValueError(f"expected a list of at most {most} entries, got {_shown(value)}")
    return value


def _plain(value: Any) -> Any:
    """A setting: a text, a number, true, false, null, or a short list of these."""
    if isinstance(value, list):
        return tuple(map(_plain, _list(value, 64)))
    if isinstance(value, str):
        return _text(value)
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise ValueError(f"expected a plain value, got {_shown(value)}")


def _not_a_number(word: str) -> Iterator[None]:
    raise ValueError(f"{word} is not a number of JSON")


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{error} is missing"
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)[:300]


def _shown(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
