"""Task stores: one LMDB file per dataset. `Store` reads them; the pipeline writes them with `pack` and `write_store`.

- format: the layout of a store, and how one record is packed.
- origin: from which files the records of a scan were made, and how.
- reader: `Store`.
- local_copy: a store that was copied to a disk of this machine.
- writer: `write_store`.
- pages: where records lie in the file, for reading many at once, and whether its pages are damaged.
"""

from universeg.store.format import (
    SLICINGS,
    SPLITS,
    Packed,
    Pixels,
    Record,
    StoreError,
    Task,
    area,
    pack,
    subject_of,
)
from universeg.store.origin import Files, Origin
from universeg.store.reader import Store
from universeg.store.writer import write_store

__all__ = [
    "SLICINGS",
    "SPLITS",
    "Files",
    "Origin",
    "Packed",
    "Pixels",
    "Record",
    "Store",
    "StoreError",
    "Task",
    "area",
    "pack",
    "subject_of",
    "write_store",
]
