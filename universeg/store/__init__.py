"""Task stores: `write_store` and `pack` for the pipeline, `Store` for everybody."""

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
from universeg.store.reader import Store
from universeg.store.writer import write_store

__all__ = [
    "SLICINGS",
    "SPLITS",
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
