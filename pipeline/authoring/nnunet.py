"""Draft a group from nnU-Net's `dataset.json`, which says what the channels and the labels of a dataset are."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from pipeline.authoring.draft_text import COUNTS, plain_name, quoted, scan_text
from pipeline.authoring.filename_patterns import READER_OF

FILE = "dataset.json"
WHY = "channel_names of dataset.json"


def nnunet_groups(files: Sequence[str], root: Path) -> list[str]:
    """A group for each `dataset.json` with labels beside the folders imagesTr and labelsTr; none for other folders.

    Raises ValueError, which names the file, if it is not as nnU-Net or the Medical Segmentation Decathlon writes it.
    """
    groups = []
    for path in files:
        folder = "" if path == FILE else path.removesuffix(FILE) if path.endswith(f"/{FILE}") else None
        if folder is None:
            continue
        images = [file for file in files if file.startswith(f"{folder}imagesTr/")]
        masks = [file for file in files if file.startswith(f"{folder}labelsTr/")]
        try:
            facts = json.loads((root / path).read_text(encoding="utf-8"))
            if images and masks and "labels" in facts:
                groups.append(_group(facts, folder, images))
        except (ValueError, TypeError, AttributeError, KeyError, OSError) as error:
            raise ValueError(
                f"{root / path}: cannot be read as a dataset.json of nnU-Net: {type(error).__name__}: {error};"
                " correct it, or rename it so that the draft is made from the names of the files"
            ) from error
    return groups


def _group(facts: Mapping[str, Any], folder: str, images: Sequence[str]) -> str:
    end = facts.get("file_ending", ".nii.gz")
    reader = READER_OF[end.lower()]
    channels = {
        int(n): str(name) for n, name in facts["channel_names" if "channel_names" in facts else "modality"].items()
    }
    is_picture = reader == "raster"
    numbered = all(file.removesuffix(end)[-5:-4] == "_" and file.removesuffix(end)[-4:].isdigit() for file in images)
    if not numbered and len(channels) > 1:  # the Medical Segmentation Decathlon keeps all channels in one file
        named = ", ".join(f"{n}: {quoted(plain_name(name))}" for n, name in channels.items())
        text = scan_text(f"{folder}imagesTr/{{subject}}{end}", "", reader, _intensity(channels[0], is_picture), {}, WHY)
        scans = text.replace("        modality: ", f"        channels: {{{named}}}")
    else:
        scans = "".join(
            scan_text(
                f"{folder}imagesTr/{{subject}}{f'_{n:04}' if numbered else ''}{end}",
                *(quoted(plain_name(name)), reader, _intensity(name, is_picture), {}, WHY),
            )
            for n, name in channels.items()
            if not is_picture or f"_{n:04}{end}" in "".join(f"{PurePosixPath(file).name}\n" for file in images)
        )
    return f"""\
  - name: {quoted(plain_name(facts.get("name") or PurePosixPath(folder).name or "all"))} # CHECK
    scans:
{scans}    labels:
      kind: values
      path: {quoted(f"{folder}labelsTr/{{subject}}{end}")}
      reader: {reader}
{_names(facts["labels"])}
    axes: {[0] if is_picture else [0, 1, 2]}
    {COUNTS}
"""


def _names(labels: Mapping[str, Any]) -> str:
    """The names of values; nnU-Net's regions, which are lists of values, are combinations of them."""
    by_name = {value: key for key, value in labels.items()} if all(key.isdigit() for key in labels) else labels
    regions = {name: values for name, values in by_name.items() if isinstance(values, list)}
    single = {int(value): name for name, value in by_name.items() if not isinstance(value, list) and name != "ignore"}
    values = {value: name for value, name in single.items() if value != 0}
    if not regions:
        return f"      names: {{{', '.join(f'{value}: {quoted(plain_name(name))}' for value, name in values.items())}}}"
    parts = sorted({int(value) for found in regions.values() for value in found} | set(values))
    combined = {**{name: [value] for value, name in values.items()}, **regions}
    listed = ", ".join(
        f"{quoted(plain_name(name))}: [{', '.join(f'value {value}' for value in found)}]"
        for name, found in combined.items()
    )
    return f"      names: {{{', '.join(f'{n}: value {n}' for n in parts)}}}\n      combine: {{{listed}}}"


def _intensity(channel: str, is_picture: bool) -> str:
    return "ct" if channel.upper() == "CT" else "unit" if is_picture else "mr"
