"""Read a YAML file strictly: repeated keys are errors, and all mistakes are shown at once, each with its line."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)

MAX_BYTES = 1 << 20  # a manifest has a few kilobytes
MAX_DEPTH = 32  # lists and mappings within each other
MAX_VALUES = 100_000  # with every alias replaced by what it stands for: a file of a few lines may have billions


class DocumentError(ValueError):
    """A YAML file that cannot be used. The message has one line per mistake: file, line, key and what is wrong."""


def load_yaml(path: Path, model: type[M]) -> M:
    """Read a YAML file as `model`; raises DocumentError with all mistakes."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DocumentError(f"{path}: is larger than {MAX_BYTES} bytes; this is not a manifest")
        text = path.read_text(encoding="utf-8")
        _check_bounds(text, path)
        root, content = yaml.compose(text, Loader=yaml.CSafeLoader), yaml.load(text, Loader=yaml.CSafeLoader)
    except OSError as error:
        raise DocumentError(f"{path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DocumentError(f"{path}: is not YAML: {error}") from error
    mistakes = [(line, f"{key!r} is given twice") for line, key in _repeated_keys(root, set())]
    try:
        value = model.model_validate(content)
    except ValidationError as error:
        mistakes += [(_line(root, e["loc"]), _sentence(e["loc"], e["msg"])) for e in error.errors()]
    if mistakes:
        raise DocumentError("\n".join(f"{path}:{line}: {text}" for line, text in sorted(mistakes)))
    return value


def _check_bounds(text: str, path: Path) -> None:
    """Raise DocumentError for a file that would take unbounded memory or time to load."""
    sizes = dict[str | None, int]()  # values in each node with an anchor
    open_nodes: list[tuple[str | None, int]] = [(None, 0)]  # anchor, and values so far, of nodes that are not closed
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        assert event.start_mark is not None
        where = f"{path}:{event.start_mark.line + 1}"
        if isinstance(event, yaml.CollectionStartEvent):
            open_nodes.append((event.anchor, 0))
            if len(open_nodes) > MAX_DEPTH:
                raise DocumentError(f"{where}: more than {MAX_DEPTH} lists or mappings within each other")
        elif isinstance(event, yaml.CollectionEndEvent | yaml.NodeEvent):
            anchor, size = open_nodes.pop() if isinstance(event, yaml.CollectionEndEvent) else (event.anchor, 0)
            if isinstance(event, yaml.AliasEvent):
                size = sizes.get(anchor, 0)
            sizes[anchor] = size
            outer, before = open_nodes[-1]
            open_nodes[-1] = outer, before + size + 1
            if before + size + 1 > MAX_VALUES:
                raise DocumentError(f"{where}: stands for more than {MAX_VALUES} values, by its aliases")


def _sentence(location: tuple[int | str, ...], message: str) -> str:
    key = ".".join(str(part) for part in location)
    problem = message.removeprefix("Value error, ")
    return f"{key}: {problem}" if key else problem


def _line(node: yaml.Node | None, location: tuple[int | str, ...]) -> int:
    """The line of the deepest part of `location` that is in the file; pydantic also adds steps that are not."""
    line = 1 if node is None else node.start_mark.line + 1
    for part in location:
        if isinstance(node, yaml.MappingNode):
            pairs = {key.value: (key, value) for key, value in node.value}
            if str(part) in pairs:
                key, node = pairs[str(part)]
                line = key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line


def _repeated_keys(node: yaml.Node | None, seen: set[int]) -> Iterator[tuple[int, str]]:
    """Line and name of each repeated key. `seen` has the nodes already visited: an alias leads to the same node."""
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _repeated_keys(item, seen)
    if isinstance(node, yaml.MappingNode):
        names: set[Any] = set()
        for key, value in node.value:
            if key.value in names:
                yield key.start_mark.line + 1, key.value
            names.add(key.value)
            yield from _repeated_keys(value, seen)
