"""Put the examples of several task packs together, if they label the same structures."""

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from universeg.base.file_names import file_names
from universeg.prediction.task_pack.bounded_zip import PackError
from universeg.prediction.task_pack.facts import MOST_EXAMPLES, WEIGHTS, Example, Facts
from universeg.prediction.task_pack.pack_file import TaskPack
from universeg.prediction.task_pack.pixel_files import write_pair


def merge(packs: Sequence[TaskPack], name: str, folder: Path) -> tuple[TaskPack, list[str]]:
    """All examples in `folder`, with the label numbers and settings of the first pack, and what a person should know.

    An example with the same pixels in image and mask as an earlier one is dropped. Raises PackError if the packs do
    not have the same label names.
    """
    first = packs[0]
    tables = [_numbers(first, pack) for pack in packs]
    kept, notes, seen = list[tuple[TaskPack, Example, dict[int, int]]](), list[str](), dict[str, dict[str, str]]()
    for pack, table in zip(packs, tables, strict=True):
        for example in pack.facts.examples:
            image, mask = _digests(pack, example, table)
            here = f"{example.name} of {pack.where}"
            same = seen.setdefault(image, {})
            if mask in same:
                notes.append(f"dropped {here}: the same as {same[mask]}")
                continue
            if same:
                notes.append(
                    f"{here} has the same image as {next(iter(same.values()))}, but another mask; both are kept"
                )
            same[mask] = here
            kept.append((pack, example, table))
    if len(kept) > MOST_EXAMPLES:
        raise PackError(
            f"{len(kept)} examples together; a task pack has at most {MOST_EXAMPLES}; prune the packs first"
        )
    names = file_names([example.name for _, example, _ in kept])
    examples = tuple(_copied(folder, new, *one) for new, one in zip(names, kept, strict=True))
    notes += _weights(packs, folder)
    differing = [pack.where for pack in packs[1:] if pack.facts.settings != first.facts.settings]
    if differing:
        notes.append(f"the settings of {first.where} are kept; those of {', '.join(differing)} differ")
    licences, sources = (_union([getattr(pack.facts, what) for pack in packs]) for what in ("licences", "sources"))
    facts = Facts(name, first.facts.labels, examples, first.facts.settings, licences, sources)
    return TaskPack(facts, folder, name), notes


def _numbers(first: TaskPack, other: TaskPack) -> dict[int, int]:
    """For each label number of `other`, that of the same name in `first`."""
    numbers = {label.name: label.value for label in first.facts.labels}
    found = {label.name: label.value for label in other.facts.labels}
    if numbers.keys() != found.keys():
        only, extra = sorted(numbers.keys() - found.keys()), sorted(found.keys() - numbers.keys())
        raise PackError(
            f"{first.where} and {other.where} label different structures:"
            f" only the first has {', '.join(only) or 'none'}, only the second has {', '.join(extra) or 'none'};"
            " merge packs of the same labels, or create one of them again with other --label-names"
        )
    return {0: 0} | {value: numbers[name] for name, value in found.items()}


def _digests(pack: TaskPack, example: Example, table: dict[int, int]) -> tuple[str, str]:
    """Of the image and of the renumbered mask, from their pixels."""
    return _digest(pack.image(example).values), _digest(_renumbered(pack, example, table))


def _digest(values: NDArray[Any]) -> str:
    head = f"{values.shape} {values.dtype}".encode()
    return hashlib.sha256(head + np.ascontiguousarray(values).tobytes()).hexdigest()


def _renumbered(pack: TaskPack, example: Example, table: dict[int, int]) -> NDArray[np.uint8]:
    lookup = np.zeros(256, np.uint8)
    lookup[list(table)] = list(table.values())
    return np.asarray(lookup[pack.mask(example)])


def _copied(folder: Path, name: str, pack: TaskPack, example: Example, table: dict[int, int]) -> Example:
    image, mask = write_pair(folder, name, pack.image(example), _renumbered(pack, example, table))
    return Example(name, image, mask)


def _weights(packs: Sequence[TaskPack], folder: Path) -> list[str]:
    """Keep adapted weights if there is one set of them; else say so."""
    having = [pack for pack in packs if pack.weights]
    digests = {pack.facts.files[WEIGHTS].sha256 for pack in having}
    if len(digests) == 1 and having[0].weights:
        shutil.copyfile(having[0].weights, folder / WEIGHTS)
        return [f"the adapted weights of {having[0].where} are kept; they have not seen the other examples"]
    if digests:
        return ["the packs have different adapted weights, so none are kept; adapt again with the merged pack"]
    return []


def _union(parts: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(entry for part in parts for entry in part))
