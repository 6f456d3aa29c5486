"""`python -m universeg.store verify PATH...`: check every record; `info PATH`: what a store holds."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import tyro
from rich.console import Console
from rich.table import Table

from universeg.store.format import HALF, SLICINGS, StoreError, Task, area, expand, unpack
from universeg.store.reader import Store


def problems(store: Store) -> Iterator[str]:
    """Everything wrong with a store: damaged records, and records and index that disagree."""
    listed = {
        (slicing, task, subject): pixels
        for task in store.tasks
        for slicing in SLICINGS
        for subject, pixels in store.areas(task, slicing).items()
    }
    for key, value in store.packed():
        slicing, group, modality, axis, subject, *_ = key.decode().split("/")
        try:
            side, image, masks = unpack(value, key.decode())
            if side != store.header["size"]:
                raise StoreError(f"{key.decode()}: side {side}, the header says {store.header['size']}")
            expand(image, side, key.decode())
            found = {label: area(expand(block, side, key.decode())) for label, (_, block) in masks.items()}
        except StoreError as error:
            yield str(error)
            continue
        for label, pixels in found.items():
            task = Task(store.header["dataset"], group, modality, label, int(axis)).key
            if listed.pop((slicing, task, subject), None) != pixels:
                yield f"{key.decode()}: the index does not list {label} with {pixels} pixels of at least {HALF}"
    yield from (f"{task}: the index lists {subject} ({slicing}), no record does" for slicing, task, subject in listed)


def verify(paths: tyro.conf.Positional[tuple[Path, ...]]) -> None:
    """Check every record of stores: checksum, size, and agreement with the index. Exit status 1 if any is bad."""
    bad = 0
    for path in paths:
        try:
            store = Store(path)
            found = list(problems(store))
        except StoreError as error:
            found = [str(error)]
        verdict = "\n".join(f"  {line}" for line in found) if found else f"  {len(store.tasks)} tasks, all records good"
        sys.stdout.write(f"{path}\n{verdict}\n")
        bad += bool(found)
    sys.exit(1 if bad else 0)


def info(path: tyro.conf.Positional[Path]) -> None:
    """Show the header of a store and how many subjects each of its tasks has."""
    store = Store(path)
    header = {key: value for key, value in store.header.items() if key != "splits"}
    table = Table("task", *SLICINGS)
    for task in store.tasks:
        table.add_row(task, *(str(len(store.areas(task, slicing))) for slicing in SLICINGS))
    console = Console()
    console.print_json(json.dumps(header))
    console.print(table)


if __name__ == "__main__":
    tyro.extras.subcommand_cli_from_dict({"verify": verify, "info": info}, prog="python -m universeg.store")
