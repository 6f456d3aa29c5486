"""A YAML file read strictly: no repeated keys, and every mistake of a file shown at once with its line."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)

LARGEST = 1 << 20  # bytes; a manifest is a few kilobytes


class DocumentError(ValueError):
    """A YAML file that cannot be used; the message lists file, line, field and what is wrong."""


def load(path: Path, model: type[M]) -> M:
    """Read `path` as `model`; raises DocumentError with all its mistakes."""
    try:
        if path.stat().st_size > LARGEST:
            raise DocumentError(f"{path}: larger than {LARGEST} bytes; this is not a manifest or config")
        text = path.read_text(encoding="utf-8")
        root, content = yaml.compose(text, Loader=yaml.CSafeLoader), yaml.load(text, Loader=yaml.CSafeLoader)
    except OSError as error:
        raise DocumentError(f"{path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DocumentError(f"{path}: not YAML: {error}") from error
    mistakes = [(line, f"{key!r} is given twice") for line, key in _repeated(root, set())]
    try:
        value = model.model_validate(content)
    except ValidationError as error:
        mistakes += [(_line(root, e["loc"]), _sentence(e["loc"], e["msg"])) for e in error.errors()]
    if mistakes:
        raise DocumentError("\n".join(f"{path}:{line}: {text}" for line, text in sorted(mistakes)))
    return value


def _sentence(loc: tuple[int | str, ...], message: str) -> str:
    where = ".".join(str(part) for part in loc)
    what = message.removeprefix("Value error, ")
    return f"{where}: {what}" if where else what


def _line(node: yaml.Node | None, loc: tuple[int | str, ...]) -> int:
    """Line of the deepest part of `loc` that the file has; the schema's own steps are passed over."""
    line = 1 if node is None else node.start_mark.line + 1
    for part in loc:
        if isinstance(node, yaml.MappingNode):
            pairs = {key.value: (key, value) for key, value in node.value}
            if str(part) in pairs:
                key, node = pairs[str(part)]
                line = key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line


def _repeated(node: yaml.Node | None, seen: set[int]) -> Iterator[tuple[int, str]]:
    """Line and name of each repeated key; a node reached again through an alias is not read again."""
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _repeated(item, seen)
    if isinstance(node, yaml.MappingNode):
        names: set[Any] = set()
        for key, value in node.value:
            if key.value in names:
                yield key.start_mark.line + 1, key.value
            names.add(key.value)
            yield from _repeated(value, seen)
