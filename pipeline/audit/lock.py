"""The stage `lock`: digests of what was built, by which two groups prove that they have the same data.

A lock file is JSON. For each dataset it has the manifest, recipe and settings, the archives, and for each scan two
digests: of its source files, and of the pixels of its records. They do not depend on paths, machines or compression.
"""

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import tyro

from pipeline.backends.progress import progress_bar
from pipeline.build.origin import digest
from pipeline.match.scan_files import read_scans
from universeg.base.atomic_write import write_json
from universeg.store import Origin, Store
from universeg.store.format import decompress, unpack

FORMAT = 1
DEFAULT = Path("megamedical.lock")
MOST_NAMES = 5  # of scans in one line
SETTINGS = ("manifest", "recipe", "size", "geometry", "min_pixels")

Lock = Mapping[str, Any]


def lock(
    action: tyro.conf.Positional[Literal["write", "check", "diff"]],
    files: tyro.conf.Positional[tuple[Path, ...]] = (),
    root: Path = Path("data"),
    sources: bool = False,
) -> None:
    """Write digests of all stores, compare stores with a lock file, or compare two lock files.

    python -m pipeline lock write my.lock: write the digests of the stores in <root>/stores.

    python -m pipeline lock check their.lock: compare these stores with a lock file.

    python -m pipeline lock diff a.lock b.lock: compare two lock files.

    The exit status of check and diff is 1 if there is a difference. Each difference is listed.

    Args:
        action: What to do.
        files: The lock file (default: megamedical.lock), or two for diff.
        root: The root folder of the workflow.
        sources: With check, also compute the digests of the source files on disk again, and compare.
    """
    path = files[0] if files else DEFAULT
    if len(files) > (2 if action == "diff" else 1) or (action == "diff" and len(files) < 2):
        raise ValueError(f"lock {action} takes {'two lock files' if action == 'diff' else 'one lock file'}")
    if action == "write":
        found = _of_root(root)
        write_json(path, found)
        sys.stdout.write(f"{path}: {len(found['datasets'])} datasets\n")
        return
    differences = list(compare(_read(path), _of_root(root) if action == "check" else _read(files[1])))
    if sources:
        differences += [line for file in _stores(root) for line in _changed_sources(root, Store(file))]
    for line in differences:
        sys.stdout.write(f"{line}\n")
    if differences:
        raise ValueError(f"{len(differences)} difference{'s' * (len(differences) > 1)}")
    sys.stdout.write("no differences\n")


def compare(before: Lock, now: Lock) -> Iterator[str]:
    """One line for each kind of difference in each dataset; `before` is the first lock."""
    for name in sorted(before["datasets"].keys() | now["datasets"].keys()):
        one, other = before["datasets"].get(name), now["datasets"].get(name)
        if one is None or other is None:
            yield f"{name}: only in the {'second' if one is None else 'first'}"
            continue
        for key in SETTINGS:
            if one[key] != other[key]:
                yield f"{name}: {key} is {one[key]} in the first and {other[key]} in the second"
        for file in sorted(one["archives"].keys() & other["archives"].keys()):
            if one["archives"][file] != other["archives"][file]:
                yield f"{name}: the archives {file} differ"
        yield from (f"{name}: {line}" for line in _scans(one["scans"], other["scans"]))


def _scans(one: Mapping[str, Sequence[str]], other: Mapping[str, Sequence[str]]) -> Iterator[str]:
    both = one.keys() & other.keys()
    files = {scan for scan in both if all((one[scan][0], other[scan][0])) and one[scan][0] != other[scan][0]}
    pixels = {scan for scan in both - files if one[scan][1] != other[scan][1]}
    kinds = {
        "only in the first": one.keys() - other.keys(),
        "only in the second": other.keys() - one.keys(),
        "whose files differ": files,
        "whose pixels differ, although no file is known to differ": pixels,
    }
    for kind, found in kinds.items():
        names = sorted(found)
        more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
        if names:
            yield f"{len(names)} scans {kind}: {', '.join(names[:MOST_NAMES])}{more}"


def _read(path: Path) -> Lock:
    try:
        content: Lock = json.loads(path.read_text(encoding="utf-8"))
        found = content["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not a lock file; `python -m pipeline lock write` writes one") from error
    if found != FORMAT:
        raise ValueError(f"{path} has format {found}, this version reads {FORMAT}; write it again")
    return content


def _stores(root: Path) -> list[Path]:
    paths = sorted((root / "stores").glob("*.lmdb"))
    if not paths:
        raise ValueError(f"{root}/stores has no store; build one with snakemake, or give --root")
    return paths


def _of_root(root: Path) -> Lock:
    """The lock of the stores below a root."""
    datasets, paths = {}, _stores(root)
    with progress_bar("reading stores", len(paths)) as advance:
        for path in paths:
            store = Store(path)
            datasets[store.header["dataset"]] = _of_store(store)
            advance(1)
    return {"format": FORMAT, "datasets": datasets}


def _of_store(store: Store) -> dict[str, Any]:
    header, files = store.header, {_name(one): _files(one) for one in store.origins()}
    return {
        **{key: header.get(key) for key in SETTINGS},
        "archives": {source["file"]: source["sha256"] for source in header.get("sources", [])},
        "scans": {scan: [files.get(scan, ""), pixels] for scan, pixels in _pixels(store).items()},
    }


def _name(origin: Origin) -> str:
    return f"{origin.group}/{origin.modality}/{origin.subject}"


def _files(origin: Origin) -> str:
    """A digest of the digests of a scan's files."""
    known = [origin.image.sha256, *(f"{label} {files.sha256}" for label, files in sorted(origin.labels.items()))]
    return hashlib.sha256("\n".join(known).encode()).hexdigest()[:32]


def _pixels(store: Store) -> dict[str, str]:
    """Scan -> a digest of the keys, images and masks of its records."""
    digests: dict[str, Any] = {}
    for key, value in store.packed():
        name = key.decode()
        _, group, modality, _, subject, *_ = name.split("/")
        scan = digests.setdefault(f"{group}/{modality}/{subject}", hashlib.sha256())
        side, image, masks = unpack(value, name)
        scan.update(key + decompress(image, side, name).tobytes())
        for label, (_, block) in sorted(masks.items()):
            scan.update(label.encode() + decompress(block, side, name).tobytes())
    return {scan: found.hexdigest()[:32] for scan, found in sorted(digests.items())}


def _changed_sources(root: Path, store: Store) -> Iterator[str]:
    """One line for each source file on disk that is not as it was when the store was built."""
    scans = root / "scans" / f"{store.header['dataset']}.json"
    if not scans.exists():
        return
    folder, _, _ = read_scans(scans)
    for origin in store.origins():
        for files in (origin.image, *origin.labels.values()):
            paths = [folder / name for name in files.names]
            missing = [path for path in paths if not path.exists()]
            if missing or digest(paths) != files.sha256:
                yield f"{(missing or paths)[0]} {'is missing' if missing else 'has changed'}"
