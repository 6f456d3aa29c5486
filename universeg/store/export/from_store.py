"""Export the tasks of stores: `python -m universeg.store export`."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn
from tyro.conf import arg

from universeg.base.file_names import file_names
from universeg.store.citation import citation_text, facts_of
from universeg.store.export.about import write_about
from universeg.store.export.case import About, Case, ExportTask, Row, new_folder, png, png_mask
from universeg.store.export.layouts import huggingface, nnunet, pairs
from universeg.store.export.npz import Block, npz_rows, write_npz
from universeg.store.format import StoreError, Task, subject_of
from universeg.store.reader import Store

Layout = Literal["nnunet", "huggingface", "npz", "png"]
AT_ONCE = 128  # images that are read together
IN_LAYOUTS: Mapping[str, str] = {"support": "train", "dev": "validation", "test": "test"}


@dataclass(frozen=True)
class ExportConfig:
    stores: tyro.conf.Positional[tuple[Path, ...]]
    """Stores (.lmdb files), or folders of them."""
    to: Layout
    """The layout. nnunet: raw datasets of nnU-Net. huggingface: a folder for `datasets.load_dataset`. npz: arrays as in
    MedSegBench. png: folders images/ and masks/, which are support folders of universeg predict."""
    out: Annotated[Path, arg(aliases=["-o"])]
    """Folder for the result; it must not exist, or be empty."""
    datasets: tuple[str, ...] = ()
    """Only the stores of these datasets."""
    tasks: tuple[str, ...] = ("*",)
    """Only tasks that match one of these patterns of dataset/group/modality/label/axis; * also matches /."""
    split: Literal["all", "support", "dev", "test"] = "all"
    """Only the images of one split. Layouts call the splits train, validation and test."""
    slicing: Literal["mid", "max"] = "mid"
    """mid: the middle slice of each subject. max: the slice in which the structure is largest."""
    number: int = 501
    """nnunet: the number of the first dataset; the others follow."""
    quiet: Annotated[bool, arg(aliases=["-q"])] = False
    """Show only warnings and errors."""

    def __post_init__(self) -> None:
        if not self.stores:
            raise ValueError("name at least one store")
        if not 1 <= self.number <= 999:
            raise ValueError(f"number must be from 1 to 999, since nnU-Net has three digits, got {self.number}")


@dataclass(frozen=True)
class StoredTask:
    """One task of a store, and the names of its images in each split that is exported."""

    store: Store
    key: str
    slicing: str
    images: Mapping[str, Sequence[str]]  # subject or subject@frame, by split in the words of the layouts

    @property
    def count(self) -> int:
        return sum(map(len, self.images.values()))

    def blocks(self, split: str, advance: Callable[[int], None] = lambda count: None) -> Iterator[Block]:
        """Images and masks of a split, some at a time."""
        names = self.images[split]
        for start in range(0, len(names), AT_ONCE):
            some = names[start : start + AT_ONCE]
            yield self.store.read(self.key, some, self.slicing)
            advance(len(some))

    def cases(self) -> Iterator[Case]:
        """One case for each image."""
        every = [name for names in self.images.values() for name in names]
        files = dict(zip(every, file_names(every), strict=True))
        for split, names in self.images.items():
            pixels = (pair for images, masks in self.blocks(split) for pair in zip(images, masks, strict=True))
            for name, (image, mask) in zip(names, pixels, strict=True):
                yield Case(files[name], subject_of(name), split, partial(png, image), partial(png_mask, mask))


def export(config: Annotated[ExportConfig, arg(name="")]) -> None:
    """Write the tasks of stores in the layout of another program, with their licences and sources.

    Raises StoreError if no task matches, or if the folder is not empty.
    """
    chosen = _chosen(config)
    console = Console(stderr=True)
    for store in dict.fromkeys(task.store for task in chosen):
        answer = store.header.get("licence", {}).get("redistribution", "unknown")
        if answer != "yes":
            name = store.header["dataset"]
            console.print(
                f"warning: {name}: redistribution is {answer}; read its licence before you pass the images on",
                markup=False,
                highlight=False,
                soft_wrap=True,
            )
    columns = *Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn()
    with new_folder(config.out) as folder, Progress(*columns, console=console, disable=config.quiet) as progress:
        bar = progress.add_task("exporting", total=sum(task.count for task in chosen))
        tasks = _export_tasks(chosen)
        rows = list[Row]()
        for number, (stored, task) in enumerate(zip(chosen, tasks, strict=True), config.number):
            rows += _write(config.to, folder, stored, task, number, lambda count: progress.advance(bar, count))
        stores = list(dict.fromkeys(task.store for task in chosen))
        write_about(folder, config.to, [about(store) for store in stores], tasks, rows)
        cited = citation_text([facts_of(store.header, "export") for store in stores])
        (folder / "citation.bib").write_text(cited, encoding="utf-8")
    if not config.quiet:
        sys.stdout.write(f"{len(rows)} images of {len(tasks)} tasks are in {config.out}\n")


def _write(
    layout: Layout, folder: Path, stored: StoredTask, task: ExportTask, number: int, advance: Callable[[int], None]
) -> list[Row]:
    if layout == "nnunet":
        return nnunet(folder, task, number, lambda: advance(1))
    if layout == "npz":
        side = int(stored.store.header["size"])
        name = f"{task.name}_{side}.npz"
        counts = {split: len(names) for split, names in stored.images.items()}
        write_npz(folder / name, side, counts, {split: stored.blocks(split, advance) for split in stored.images})
        return npz_rows(
            name, stored.key, {split: list(map(subject_of, names)) for split, names in stored.images.items()}
        )
    return (huggingface if layout == "huggingface" else pairs)(folder, task, lambda: advance(1))


def _chosen(config: ExportConfig) -> list[StoredTask]:
    """The tasks to export. Raises StoreError for names and patterns that match nothing."""
    paths = [path for given in config.stores for path in (sorted(given.glob("*.lmdb")) if given.is_dir() else [given])]
    stores = [Store(path) for path in paths]
    known = [store.header["dataset"] for store in stores]
    unknown = sorted(set(config.datasets) - set(known))
    if unknown or not stores:
        raise StoreError(f"no store of {', '.join(unknown) or 'any dataset'}; the given stores have {', '.join(known)}")
    stores = [store for store in stores if not config.datasets or store.header["dataset"] in config.datasets]
    found = list[StoredTask]()
    for store in stores:
        for key in store.tasks:
            if any(fnmatchcase(key, pattern) for pattern in config.tasks):
                splits = {name: split for split, name in IN_LAYOUTS.items() if config.split in ("all", split)}
                images = {
                    name: store.subjects(key, splits[name], config.slicing) if name in splits else []
                    for name in IN_LAYOUTS.values()
                }
                found.append(StoredTask(store, key, config.slicing, images))
    found = [task for task in found if task.count]
    if not found:
        raise StoreError(
            f"no task matches {', '.join(config.tasks)} with images of split {config.split}, slicing {config.slicing};"
            " `python -m universeg.store info STORE` lists the tasks"
        )
    return found


def _export_tasks(chosen: Sequence[StoredTask]) -> list[ExportTask]:
    parts = [Task.parse(task.key) for task in chosen]
    names = file_names(
        ["_".join([task.dataset, task.group, task.modality, task.label, str(task.axis)]) for task in parts]
    )
    return [
        ExportTask(name, stored.key, (task.label,), (task.modality,), stored.cases, stored.count)
        for name, stored, task in zip(names, chosen, parts, strict=True)
    ]


def about(store: Store) -> About:
    """What the header of a store says about its dataset."""
    header = store.header
    licence = header.get("licence") or {}
    cited = [
        " ".join(filter(None, [entry.get("text"), entry.get("doi") and f"https://doi.org/{entry['doi']}"]))
        for entry in header.get("citation", [])
    ]
    return About(
        name=header["dataset"],
        title=header.get("title") or header["dataset"],
        licence=licence.get("name") or "",
        licence_url=licence.get("url") or "",
        terms={use: licence[use] for use in ("research", "commercial", "redistribution") if use in licence},
        citations=cited,
        sources=[f"{file['file']} (SHA-256 {file['sha256']})" for file in header.get("sources", [])],
        facts={
            what: header[key]
            for what, key in (("Digest of the manifest", "manifest"), ("Recipe", "recipe"), ("Pixels a side", "size"))
            if key in header
        },
    )
