"""Check task stores, show what they contain, export them, or import arrays.

python -m universeg.store verify PATH...                          check every record of the stores
python -m universeg.store info PATH                               show the header and the tasks of a store
python -m universeg.store export PATH... --to LAYOUT --out DIR    write the tasks in the layout of another program
python -m universeg.store import-npz FILE --name NAME --out S     make a store of arrays as MedSegBench has them
"""

import json
import sys
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import tyro
from rich.console import Console
from rich.table import Table

from universeg.base.command import run_command
from universeg.store.export.from_store import export
from universeg.store.format import SLICINGS, StoreError, Task, area, decompress, record_key, unpack
from universeg.store.import_npz import import_npz
from universeg.store.origin import origin_key, unpack_origin
from universeg.store.reader import Store

NAME = "python -m universeg.store"


def problems(store: Store) -> Iterator[str]:
    """One line for each problem of a store: damaged records, and differences between records, origins and index.

    Raises StoreError if the file is so damaged that its records cannot be listed.
    """
    store.check_pages()
    listed = {
        (slicing, task, subject): pixels
        for task in store.tasks
        for slicing in SLICINGS
        for subject, pixels in store.areas(task, slicing).items()
    }
    scans, unreadable = set[bytes](), set[str]()
    for key, value in store.packed():
        try:
            slicing, group, modality, axis, subject, *_ = key.decode().split("/")
        except ValueError:
            yield f"{key!r}: the name of the record is damaged; rebuild the store"
            continue
        scans.add(origin_key(group, modality, subject))
        try:
            found = _areas(store, key.decode(), value)
        except StoreError as error:
            unreadable.add(key.decode())
            yield str(error)
            continue
        for name, pixels in found.items():
            task = f"{store.header['dataset']}/{group}/{modality}/{name}/{axis}"
            if listed.pop((slicing, task, subject), None) != pixels:
                yield f"{key.decode()}: the index does not list {name} with {pixels} pixels"
    yield from _damaged_origins(store, scans)
    for slicing, task, subject in listed:
        # a damaged record was told once, however many tasks it has
        if record_key(slicing, Task.parse(task), subject) not in unreadable:
            yield f"{task}: the index lists {subject} ({slicing}), but there is no such record"


def _areas(store: Store, key: str, value: bytes) -> dict[str, int]:
    """The labels of a record with the areas of their masks. Raises StoreError if record or key are damaged."""
    side, image, masks = unpack(value, key)
    if side != store.header["size"]:
        raise StoreError(f"{key}: side {side}, the header says {store.header['size']}")
    slicing, _, _, _, _, *label = key.split("/")
    if label != (list(masks) if slicing == "max" else []):
        raise StoreError(f"{key}: the name of the record does not fit its labels; rebuild the store")
    decompress(image, side, key)
    return {label: area(decompress(block, side, key)) for label, (_, block) in masks.items()}


def _damaged_origins(store: Store, scans: Collection[bytes]) -> Iterator[str]:
    """If the store has origins, each scan must have one, and each must be that of a scan."""
    found = set[bytes]()
    for key, value in store.packed_origins():
        found.add(key)
        try:
            origin = unpack_origin(value, repr(key))
            if key != origin_key(origin.group, origin.modality, origin.subject):
                yield f"{key!r}: this is the origin of {origin.subject}; rebuild the store"
        except StoreError as error:
            yield str(error)
    for key in sorted(found.symmetric_difference(scans) if found else ()):
        yield f"{key!r}: {'an origin without a record' if key in found else 'the origin is missing'}; rebuild the store"


def verify(paths: tyro.conf.Positional[tuple[Path, ...]]) -> int:
    """Check every record of the stores: checksum, image size and index. The exit status is 1 if there is a problem.

    Args:
        paths: The stores (.lmdb files).
    """
    if not paths:
        raise ValueError("name at least one store")
    damaged = 0
    for path in paths:
        try:
            store = Store(path)
            found = list(problems(store))
        except StoreError as error:
            found = [str(error)]
        lines = found or [f"{len(store.tasks)} tasks, no problems found"]
        sys.stdout.write("\n  ".join([str(path), *lines]) + "\n")
        damaged += bool(found)
    return 1 if damaged else 0


def info(path: tyro.conf.Positional[Path]) -> None:
    """Show the header of a store, and the number of images of each task.

    Args:
        path: The store (.lmdb file).
    """
    store = Store(path)
    header = {key: value for key, value in store.header.items() if key != "splits"}
    table = Table("task", *SLICINGS)
    for task in store.tasks:
        table.add_row(task, *(str(len(store.areas(task, slicing))) for slicing in SLICINGS))
    console = Console()
    console.print_json(json.dumps(header))
    console.print(table)


def main(words: Sequence[str]) -> int | None:
    """Run one of the commands, and return its exit status."""
    status: int | None = tyro.extras.subcommand_cli_from_dict(
        {"verify": verify, "info": info, "export": export, "import-npz": import_npz},
        prog=NAME,
        description="Check task stores, show what they contain, export them, or import arrays.",
        args=words,
    )
    return status


if __name__ == "__main__":
    run_command(NAME, main, interrupted="run the same command again")
