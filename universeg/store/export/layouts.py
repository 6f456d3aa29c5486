"""The folders of nnU-Net, of Hugging Face `datasets`, and of PNG pairs. Each function returns the rows of the index."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from universeg.base.atomic_write import write_json
from universeg.store.export.case import ExportTask, Row

Advance = Callable[[], None]
FOLDERS: Mapping[str, tuple[str, str]] = {  # of nnU-Net: images and masks, by split
    "train": ("imagesTr", "labelsTr"),
    "validation": ("imagesTr", "labelsTr"),
    "test": ("imagesTs", "labelsTs"),
}


def nnunet(folder: Path, task: ExportTask, number: int, advance: Advance) -> list[Row]:
    """`DatasetNNN_NAME` with dataset.json, imagesTr, labelsTr, and imagesTs and labelsTs for test images.

    Names of images end in _0000, the number of the only channel; a picture in colour has all channels in this file.
    Masks hold the numbers of the labels, from 1 without gaps.
    """
    dataset = f"Dataset{number:03d}_{task.name}"
    rows = list[Row]()
    for case in task.cases():
        images, masks = FOLDERS[case.split]
        image = f"{dataset}/{images}/{case.name}_0000{task.ending}"
        mask = f"{dataset}/{masks}/{case.name}{task.ending}"
        _write(folder / image, case.image())
        _write(folder / mask, case.mask(1))
        rows.append(Row(image, mask, task.key, case.split, case.subject))
        advance()
    facts = {
        "channel_names": {str(number): name for number, name in enumerate(task.channels)},
        "labels": {"background": 0} | {name: number for number, name in enumerate(task.labels, 1)},
        "numTraining": sum(row.split != "test" for row in rows),
        "file_ending": task.ending,
        "name": task.key,
    }
    write_json(folder / dataset / "dataset.json", facts)
    return rows


def pairs(folder: Path, task: ExportTask, advance: Advance) -> list[Row]:
    """`TASK/SPLIT/images/x.png` and `TASK/SPLIT/masks/x.png`: each split is a support folder of universeg predict."""
    rows = list[Row]()
    for case in task.cases():
        image, mask = (f"{task.name}/{case.split}/{kind}/{case.name}{task.ending}" for kind in ("images", "masks"))
        _write(folder / image, case.image())
        _write(folder / mask, case.mask(task.factor))
        rows.append(Row(image, mask, task.key, case.split, case.subject))
        advance()
    return rows


def huggingface(folder: Path, task: ExportTask, advance: Advance) -> list[Row]:
    """The same with a metadata.jsonl in each split, so that `datasets.load_dataset` gives columns image and mask."""
    rows = pairs(folder, task, advance)
    for split in dict.fromkeys(row.split for row in rows):
        start = f"{task.name}/{split}/"
        lines = [
            {
                "file_name": row.image.removeprefix(start),
                "mask_file_name": row.mask.removeprefix(start),
                "subject": row.subject,
            }
            for row in rows
            if row.split == split
        ]
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        _write(folder / start / "metadata.jsonl", text.encode())
    return rows


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
