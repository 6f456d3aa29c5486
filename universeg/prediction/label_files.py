"""Names and colours of structures, read from and written to the files that other programs use. No torch here.

Read: nnU-Net's dataset.json, the labels.json that this command writes, label descriptions of ITK-SNAP, colour tables of
3D Slicer, and plain lists "1 liver" or "1,liver". Written: labels.json, and the tables of ITK-SNAP and 3D Slicer.
"""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from universeg.base.atomic_write import atomic_write, write_json
from universeg.imageio.image import ImageError
from universeg.prediction.labels import Label, colour

BESIDE = ("labels.json", "dataset.json", "labels.txt", "labels.csv", "labels.ctbl", "labels_itksnap.txt")
LARGEST = 1 << 20  # bytes of a file of names
ITKSNAP_HEAD = "# ITK-SNAP label descriptions: index, red, green, blue, opacity, shown, meshed, name"
EXAMPLE = 'expected nnU-Net\'s dataset.json, a table of ITK-SNAP or 3D Slicer, or lines like "1 liver"'


def labels_file(folder: Path, given: Path | None) -> Path | None:
    """The file with names and colours: the `given` one, or the first of BESIDE that is in the support folder."""
    return given or next((folder / name for name in BESIDE if (folder / name).is_file()), None)


def known_labels(folder: Path, given: Path | None) -> dict[int, Label]:
    """Names and colours by value, of the file that `labels_file` finds."""
    path = labels_file(folder, given)
    return {} if path is None else read_labels_file(path)


def read_labels_file(path: Path) -> dict[int, Label]:
    """Names and colours by value, without 0. Raises ImageError, which names the file, if it has none."""
    if not path.is_file():
        raise ImageError("no such file", str(path), EXAMPLE)
    if path.stat().st_size > LARGEST:
        raise ImageError("is too large for a list of names", str(path), EXAMPLE)
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    found = _of_json(path, text) if path.suffix.lower() == ".json" else _of_lines(text)
    found = {value: label for value, label in found.items() if value != 0}
    if not found:
        raise ImageError("names no structure", str(path), EXAMPLE)
    return found


def write_label_files(folder: Path, labels: Sequence[Label]) -> list[Path]:
    """Write labels.json, labels_itksnap.txt and labels_slicer.ctbl; their paths."""
    entries = [{"value": label.value, "name": label.name, "colour": list(label.colour)} for label in labels]
    paths = [folder / name for name in ("labels.json", "labels_itksnap.txt", "labels_slicer.ctbl")]
    write_json(paths[0], {"labels": entries})
    snap = [ITKSNAP_HEAD, '    0     0    0    0        0  0  0    "Clear Label"']
    snap += [f'{label.value:5} {_rgb(label, 5)}        1  1  1    "{_plain(label.name)}"' for label in labels]
    slicer = ["# 3D Slicer color table: value name red green blue opacity", "0 Background 0 0 0 0"]
    slicer += [f"{label.value} {_plain(label.name).replace(' ', '_')} {_rgb(label)} 255" for label in labels]
    for path, lines in ((paths[1], snap), (paths[2], slicer)):
        with atomic_write(path) as part:
            part.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return paths


def _of_json(path: Path, text: str) -> dict[int, Label]:
    try:
        entries: Any = json.loads(text)["labels"]
        if isinstance(entries, Mapping):  # nnU-Net: {"liver": 1}, or in version 1 {"1": "liver"}
            pairs = [(key, value) if str(key).isdigit() else (value, key) for key, value in entries.items()]
            named = {int(value): str(name) for value, name in pairs if not isinstance(value, list)}
            return {value: Label(value, name, colour(at - 1)) for at, (value, name) in enumerate(sorted(named.items()))}
        return {
            int(entry["value"]): Label(int(entry["value"]), str(entry["name"]), _colour(entry.get("colour"), at))
            for at, entry in enumerate(entries)
        }
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ImageError(f'has no usable "labels" ({type(error).__name__}: {error})', str(path), EXAMPLE) from error


def _of_lines(text: str) -> dict[int, Label]:
    """A table with the value first; three numbers after it, or after the name, are red, green and blue."""
    found = dict[int, Label]()
    for line in text.splitlines():
        words = _words(line)
        if len(words) < 2 or not words[0].isdigit():
            continue
        numbers = [word for word in words[1:] if re.fullmatch(r"\d+(\.\d+)?", word)]
        names = [word for word in words[1:] if word not in numbers]
        given = [int(float(number)) for number in numbers[:3]] if len(numbers) >= 3 else None
        value = int(words[0])
        found[value] = Label(value, " ".join(names) or f"label {value}", _colour(given, len(found)))
    return found


def _words(line: str) -> list[str]:
    line = line.strip()
    if not line or line.startswith(("#", "//")):
        return []
    if "," in line:
        return [word.strip().strip('"') for word in line.split(",")]
    try:
        return shlex.split(line)
    except ValueError:  # a quotation mark without its partner
        return line.split()


def _colour(given: Any, number: int) -> tuple[int, int, int]:
    if given is None:
        return colour(number)
    red, green, blue = (min(255, max(0, int(level))) for level in given)
    return red, green, blue


def _rgb(label: Label, width: int = 0) -> str:
    return " ".join(f"{level:{width}}" if width else str(level) for level in label.colour)


def _plain(name: str) -> str:
    """A name that fits in one line of a table."""
    return " ".join(name.replace('"', "'").split())
