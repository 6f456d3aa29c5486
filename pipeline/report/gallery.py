"""The stage `gallery`: one page with pictures of all datasets of a build, to look through in a browser.

The page needs no other file and no network. Its size is bounded: at most MOST_PICTURES pictures, the same number of
each dataset, from all of its views.
"""

import base64
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.config import load_config
from pipeline.manifest.schema import load_manifests
from pipeline.report.attrition_table import Attrition, attrition_of
from pipeline.report.contact_sheet import VIEWS, evenly, upright
from universeg.base.atomic_write import atomic_write
from universeg.base.contact_sheet import COLOURS
from universeg.store import Store, Task, subject_of

PAGE = Path(__file__).parent / "gallery.html"
MOST_PICTURES, LEAST_PICTURES = 1200, 6  # of all datasets; of each dataset
SIDE = 112  # pixels of a picture
QUALITY = 70  # of JPEG


def gallery(config: Path, stores: tuple[Path, ...], out: Path) -> None:
    """Write one page with pictures of all datasets of a build: outlines of labels, attrition, licences, filters.

    Args:
        config: The resolved settings.
        stores: The stores, in the order of the page.
        out: The HTML file to write.
    """
    settings = load_config(config)
    manifests, opened = load_manifests(*settings.manifests), [Store(path) for path in stores]
    attrition = {
        name: attrition_of(store, manifests.get(name), settings.root)
        for store in opened
        for name in [store.header["dataset"]]
    }
    most = max(LEAST_PICTURES, MOST_PICTURES // max(1, len(opened)))
    content = {
        "colours": [f"rgb{colour}" for colour in COLOURS],
        "scans": sum(row.used for row in attrition.values()),
        "datasets": [_dataset(store, attrition[store.header["dataset"]]) for store in opened],
        "items": [item for store in opened for item in _items(store, most)],
    }
    # A `<` in the data could end the element that it is in.
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    with atomic_write(out) as part:
        part.write_text(PAGE.read_text(encoding="utf-8").replace("__DATA__", text), encoding="utf-8")


def _dataset(store: Store, attrition: Attrition) -> dict[str, Any]:
    """Name, title and facts of a dataset, as lines of text."""
    header = store.header
    licence, counts = header.get("licence") or {}, header["counts"]
    uses = ", ".join(f"{use} {licence.get(use, 'unknown')}" for use in ("research", "commercial", "redistribution"))
    facts = [
        f"{header['role']}; {counts['images']} images of {counts['subjects']} subjects; support {counts['support']},"
        f" dev {counts['dev']}, test {counts['test']}",
        f"licence: {licence.get('name') or 'unknown'}; {uses}",
    ]
    expected = "an unknown number of" if attrition.expected is None else attrition.expected
    lost = "".join(f"; {count}: {reason}" for reason, count in attrition.reasons.items())
    facts.append(f"{expected} scans expected, {attrition.found} found, {attrition.used} used{lost}")
    return {"name": header["dataset"], "title": header["title"], "facts": facts}


def _items(store: Store, most: int) -> Iterator[dict[str, Any]]:
    """Pictures of a store: of each view the same number of subjects."""
    tasks = [Task.parse(key) for key in store.tasks]
    views = sorted({(task.group, task.modality, task.axis) for task in tasks})
    labels = list(dict.fromkeys(task.label for task in tasks))
    for view in evenly(views, most):
        shown = [task for task in tasks if (task.group, task.modality, task.axis) == view]
        slicing = "mid" if any(store.areas(task.key) for task in shown) else "max"
        members = {task.label: set(store.areas(task.key, slicing)) for task in shown}
        for subject in evenly(sorted(set().union(*members.values())), max(1, most // len(views))):
            own = [task for task in shown if subject in members[task.label]]
            yield _item(store, own[: 1 if slicing == "max" else None], subject, slicing, labels)


def _item(store: Store, tasks: Sequence[Task], subject: str, slicing: str, labels: Sequence[str]) -> dict[str, Any]:
    is_volume = bool(store.subjects(tasks[0].key, slicing="max"))
    masks = dict[int, NDArray[np.uint8]]()
    for task in tasks:
        images, inside = store.read(task.key, [subject], slicing)
        masks[labels.index(task.label)] = upright(inside[0], is_volume)
    task = tasks[0]
    return {
        "dataset": task.dataset,
        "modality": task.modality,
        "view": VIEWS[task.axis].partition(",")[0] if is_volume else task.group,
        "subject": subject,
        "split": store.header["splits"][subject_of(subject)],
        "labels": [labels[number] for number in masks],
        "colours": list(masks),
        "image": _source(Image.fromarray(upright(images[0], is_volume)).resize((SIDE, SIDE)), "jpeg", quality=QUALITY),
        "overlay": _source(_outlines(masks), "png", transparency=0),
    }


def _outlines(masks: Mapping[int, NDArray[np.uint8]]) -> Image.Image:
    """A transparent picture with the outline of each mask in its colour."""
    picture = np.zeros((SIDE, SIDE), np.uint8)
    for number, mask in masks.items():
        large = np.asarray(Image.fromarray(mask * np.uint8(255)).resize((SIDE, SIDE), Image.Resampling.BILINEAR)) > 127
        padded = np.pad(large, 1)
        inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
        picture[large & ~inner] = 1 + number % len(COLOURS)
    found = Image.fromarray(picture, "P")
    found.putpalette([0, 0, 0, *(part for colour in COLOURS for part in colour)])
    return found


def _source(picture: Image.Image, form: str, **options: int) -> str:
    """A picture as the address of an image element."""
    data = io.BytesIO()
    picture.save(data, form, **options)
    return f"data:image/{form};base64,{base64.b64encode(data.getvalue()).decode()}"
