"""Copy a store from shared or slow storage to a disk of this machine, once."""

import shutil
from pathlib import Path

import xxhash

from universeg.base.atomic_write import atomic_write
from universeg.store.format import StoreError


def local_copy(path: Path, folder: Path) -> Path:
    """A copy of the store in `folder`. A copy that an earlier call made is used again, unless the store has changed.

    The name of the copy depends on the store's path, size and time of change, so stores of the same name and several
    runs can share the folder. Raises StoreError if the store is missing or the disk is full.
    """
    try:
        facts = path.stat()
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}; build stores with snakemake") from error
    version = f"{path.resolve()} {facts.st_size} {facts.st_mtime_ns}"
    copy = folder / f"{path.stem}-{xxhash.xxh3_64_hexdigest(version.encode())}{path.suffix}"
    if copy.exists() and copy.stat().st_size == facts.st_size:
        return copy
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
        if free < facts.st_size:
            raise StoreError(
                f"{path} cannot be copied to {folder}: it has {facts.st_size} bytes, {free} are free; make room, or"
                " choose another folder"
            )
        with atomic_write(copy) as part:
            shutil.copyfile(path, part)
    except OSError as error:
        raise StoreError(f"{path} cannot be copied to {folder}: {error}; choose another folder") from error
    return copy
