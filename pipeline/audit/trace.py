"""The stage `trace`: from which files a record was made, whether they are unchanged, and how to make it again."""

import json
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import tyro

from pipeline.attrition import printable
from pipeline.audit.build_folder import Build, build_of
from pipeline.build.origin import digest
from pipeline.manifest.schema import load_manifest
from universeg.store import Files, Origin, Store, Task, subject_of
from universeg.store.origin import slice_name

AXES = ("sagittal", "coronal", "axial")
WIDTH = 12  # of the names of the facts


@dataclass(frozen=True)
class Wanted:
    """One record of a store."""

    slicing: str
    task: Task
    subject: str

    @property
    def key(self) -> str:
        """As `Store.packed` names it."""
        task = self.task
        key = f"{self.slicing}/{task.group}/{task.modality}/{task.axis}/{self.subject}"
        return f"{key}/{task.label}" if self.slicing == "max" else key


def trace(
    key: tyro.conf.Positional[str],
    store: Path = Path("data/stores"),
    slicing: Literal["mid", "max"] = "mid",
    rebuild: bool = False,
) -> None:
    """Show from which files a record was made and how, whether the files are unchanged, and how to make it again.

    The exit status is 1 if a file has changed, or if the rebuilt record differs.

    Args:
        key: Task and subject, as tables and reports name them: dataset/group/modality/label/axis/subject. Or the key
            of a record in a store, which begins with mid/ or max/; then name the store.
        store: The store, or the folder of the stores.
        slicing: Which slice of the subject: the middle one, or the largest of the label.
        rebuild: Make the record again from its files, and compare the bytes.
    """
    opened, wanted = _find(key, store, slicing)
    origin = opened.origin(wanted.task.group, wanted.task.modality, wanted.subject)
    build = build_of(opened)
    how = _generated(opened, wanted) if origin is None else _scan(opened, wanted, origin)
    for name, text in (*_head(opened, wanted), *how, *_manifest(opened, build)):
        _show(name, text)
    changed = list(_check_files(build, origin)) if origin is not None else []
    sys.stdout.write("\nTo make it again:\n")
    for line in _commands(opened, wanted, build):
        sys.stdout.write(f"  {printable(line)}\n")
    if rebuild and not changed:
        changed = list(_rebuild(opened, wanted, build))
    if changed:
        raise ValueError("; ".join(changed))


def _find(key: str, path: Path, slicing: str) -> tuple[Store, Wanted]:
    """The store and the record that a key names; raises ValueError if there is no such record."""
    parts = key.split("/")
    if parts[0] in ("mid", "max"):
        if path.is_dir():
            raise ValueError(f"{key!r} does not name its dataset; name the store, --store {path}/DATASET.lmdb")
        store = Store(path)
        wanted = _of_key(key, store)
    else:
        if len(parts) != 6:
            raise ValueError(f"{key!r}: expected dataset/group/modality/label/axis/subject, got {len(parts)} parts")
        store = Store(path / f"{parts[0]}.lmdb" if path.is_dir() else path)
        wanted = Wanted(slicing, Task.parse("/".join(parts[:5])), parts[5])
    if wanted.subject not in store.areas(wanted.task.key, wanted.slicing):
        raise ValueError(f"{store.path}: {wanted.task.key} has no {wanted.slicing} slice of {wanted.subject!r}")
    return store, wanted


def _of_key(key: str, store: Store) -> Wanted:
    slicing, *rest = key.split("/")
    if len(rest) != (5 if slicing == "max" else 4) or not rest[2].isdigit():
        raise ValueError(f"{key!r} is not the key of a record; expected mid/<group>/<modality>/<axis>/<subject>")
    group, modality, axis, subject, *label = rest
    dataset = store.header["dataset"]
    for name in store.tasks:
        task = Task.parse(name)
        same = (task.group, task.modality, task.axis) == (group, modality, int(axis))
        if same and (not label or task.label == label[0]) and subject in store.areas(name, slicing):
            return Wanted(slicing, task, subject)
    raise ValueError(f"{store.path}: {dataset} has no record {key!r}")


def _head(store: Store, wanted: Wanted) -> Iterator[tuple[str, str]]:
    header = store.header
    yield "record", f"{wanted.key} in {store.path}, label {wanted.task.label}"
    split = header.get("splits", {}).get(subject_of(wanted.subject), "unknown")
    yield "dataset", f"{header['dataset']}: {header.get('title', '')}; role {header.get('role')}, split {split}"
    yield (
        "processing",
        (
            f"recipe {header.get('recipe')}, geometry {header.get('geometry')}, {header['size']} pixels,"
            f" manifest {header.get('manifest')}"
        ),
    )


def _generated(store: Store, wanted: Wanted) -> Iterator[tuple[str, str]]:
    settings = store.header.get("generator")
    if not settings:
        raise ValueError(f"{store.path} does not say where its records come from (recipe 3 or before); build it again")
    yield "generated", f"{', '.join(f'{name} {value}' for name, value in settings.items())}; {wanted.task.group}"


def _scan(store: Store, wanted: Wanted, origin: Origin) -> Iterator[tuple[str, str]]:
    yield "image", _files(origin.image) + _frame(origin.index, origin.channel)
    for label, files in origin.labels.items():
        yield f"label {label}" if label else "labels", _files(files) + _frame(origin.label_index, None)
    index, first, last = origin.slices[slice_name(wanted.slicing, wanted.task.axis, wanted.task.label)]
    if origin.is_volume:
        samples = f"sample {first}" if first == last else f"samples {first} to {last}"
        place = f"slice {index} of {store.header['size']}, {samples} of {origin.shape[wanted.task.axis]}"
        yield "slice", f"{AXES[wanted.task.axis]}, axis {wanted.task.axis} in RAS+ order, counted from 0: {place}"
    yield (
        "samples",
        (
            " x ".join(map(str, origin.shape))
            + f", spacing {' x '.join(f'{step:g}' for step in origin.spacing)}"
            + (f" mm, stored as {origin.orientation}" if origin.is_volume else "")
        ),
    )
    yield "intensity", f"{origin.window[0]:g} to {origin.window[1]:g} became 0 to 255"
    rule = store.header.get("label_rules", {}).get(wanted.task.group)
    yield "label rule", json.dumps(rule, ensure_ascii=False)
    for source in store.header.get("sources", []):
        yield "source", f"{source['file']}, {source['bytes']} bytes, sha256 {source['sha256']}"


def _manifest(store: Store, build: Build | None) -> Iterator[tuple[str, str]]:
    digest_then = store.header.get("manifest")
    if build is None or build.manifest is None:
        yield "manifest", f"digest {digest_then}; not compared, because there is no manifest to compare with"
    elif load_manifest(build.manifest).digest() == digest_then:
        yield "manifest", f"{build.manifest}, unchanged, digest {digest_then}"
    else:
        yield "manifest", f"{build.manifest} has changed since the store was built with digest {digest_then}"


def _files(files: Files) -> str:
    more = f" and {len(files.names) - 1} more files" if len(files.names) > 1 else ""
    return f"{files.names[0]}{more}, sha256 {files.sha256}"


def _frame(index: int | None, channel: int | None) -> str:
    return (f", frame {index}" if index is not None else "") + (f", channel {channel}" if channel is not None else "")


def _show(name: str, text: str) -> None:
    sys.stdout.write(f"{name.ljust(WIDTH)} {printable(text)}\n")


def _check_files(build: Build | None, origin: Origin) -> Iterator[str]:
    """Show for each file whether it is unchanged; yields one sentence for each that has changed."""
    if build is None:
        _show("files", "not checked: the store is not in the folder where the workflow wrote it")
        return
    for files in (origin.image, *origin.labels.values()):
        paths = [build.folder / name for name in files.names]
        missing = [path for path in paths if not path.exists()]
        if missing:
            _show("files", f"{missing[0]} is not there any more")
        elif (found := digest(paths)) == files.sha256:
            _show("files", f"{paths[0]} is unchanged")
        else:
            yield printable(f"{paths[0]} has changed: expected sha256 {files.sha256}, got {found}")


def _commands(store: Store, wanted: Wanted, build: Build | None) -> Iterator[str]:
    name = store.header["dataset"]
    if build is None or build.manifest is None or store.header.get("generator"):
        yield f"snakemake --cores 1 --config 'datasets=[{name}]'"
        return
    config, scans = (shlex.quote(str(build.root / name)) for name in ("config.json", f"scans/{name}.json"))
    manifest = shlex.quote(str(build.manifest))
    chunk = build.number(wanted.task, wanted.subject) % build.config.chunks
    inputs = f"--config {config} --manifest {manifest} --scans {scans}"
    yield f"python -m pipeline shard {inputs} --chunk {chunk} --out x.lmdb"
    yield f"python -m universeg.store info x.lmdb    # has the record {wanted.key}"


def _rebuild(store: Store, wanted: Wanted, build: Build | None) -> Iterator[str]:
    """Make the scan's records again and compare; yields a sentence if the record differs."""
    if build is None or build.manifest is None:
        raise ValueError(f"{store.path}: without <root>/scans, config.json and the manifest, nothing can be rebuilt")
    from pipeline.build.records import Recipe, records_of
    from universeg.store import Record, pack

    header: dict[str, Any] = store.header
    groups = {group.name: group for group in load_manifest(build.manifest).groups}
    scan = build.scans[build.number(wanted.task, wanted.subject)]
    recipe = Recipe(header["size"], header["geometry"], header["min_pixels"])
    made = dict(
        pack(one) for one in records_of(scan, groups[scan.group], build.folder, recipe) if isinstance(one, Record)
    )
    stored = dict(store.packed())[wanted.key.encode()]
    if made.get(wanted.key.encode()) == stored:
        sys.stdout.write(f"\nRebuilt: the same {len(stored)} bytes as in the store\n")
    else:
        yield f"{wanted.key}: the rebuilt record differs from the store; another manifest, recipe or reader made it"
