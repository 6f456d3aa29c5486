"""What lies beside exported images: README.md with licence and sources, index.csv, and Croissant metadata."""

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path

from universeg.base.atomic_write import atomic_write, write_json
from universeg.base.file_digest import sha256_of
from universeg.store.export.case import About, ExportTask, Row
from universeg.store.export.croissant import croissant

COLUMNS = ("image", "mask", "task", "split", "subject", "image_sha256", "mask_sha256")
KNOWN_LICENCES = re.compile(
    r"cc0-1\.0|cc-by(-nc)?(-sa|-nd)?-[1-4]\.0|gpl-3\.0|apache-2\.0|mit"
)  # as Hugging Face has them
HUGGINGFACE = "huggingface"


def write_about(
    folder: Path, layout: str, about: Sequence[About], tasks: Sequence[ExportTask], rows: Sequence[Row]
) -> None:
    """Write the three files for an exported folder; `layout` is its name on the command line."""
    with atomic_write(folder / "index.csv") as part:
        part.write_text(_index(folder, rows), encoding="utf-8")
    with atomic_write(folder / "README.md") as part:
        part.write_text(readme(layout, about, tasks, rows), encoding="utf-8")
    endings = {task.ending for task in tasks}
    names = " and ".join(dict.fromkeys(one.name for one in about))
    metadata = croissant(
        name=names,
        description=f"{'; '.join(one.title for one in about)}. {len(rows)} images with masks.",
        licences=list(dict.fromkeys(one.licence_url or one.licence for one in about if one.licence_url or one.licence)),
        citation="\n".join(dict.fromkeys(entry for one in about for entry in one.citations)),
        index=sha256_of(folder / "index.csv"),
        patterns=_patterns(rows) if layout != "npz" else {},
        ending=endings.pop() if len(endings) == 1 else "",
    )
    write_json(folder / "croissant.json", metadata)


def readme(layout: str, about: Sequence[About], tasks: Sequence[ExportTask], rows: Sequence[Row]) -> str:
    """The text for people; for Hugging Face it begins with the facts that its site reads."""
    parts = [_card(about, tasks, rows)] if layout == HUGGINGFACE else []
    parts.append(f"# {' and '.join(dict.fromkeys(one.title for one in about))}\n")
    parts.append(f"Images with masks: {len(rows)}, tasks: {len(tasks)}. `index.csv` lists all, with their SHA-256.")
    table = ["| task | labels | values in masks | images |", "| --- | --- | --- | ---: |"]
    for task in tasks:
        factor = 1 if layout in ("nnunet", "npz") else task.factor
        values = ", ".join(str(number * factor) for number in range(1, len(task.labels) + 1))
        table.append(f"| {task.key} | {', '.join(task.labels)} | {values} | {task.count} |")
    parts.append("\n".join(table))
    for one in about:
        parts.append(f"\n## {one.title}\n")
        url = f" ({one.licence_url})" if one.licence_url else ""
        parts.append(f"Licence: {one.licence or 'not known'}{url}")
        parts += [f"Use for {use}: {answer}" for use, answer in one.terms.items()]
        parts += [f"Please cite: {citation}" for citation in one.citations]
        parts += [f"Made from: {source}" for source in one.sources]
        parts += [f"{key}: {value}" for key, value in one.facts.items()]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _card(about: Sequence[About], tasks: Sequence[ExportTask], rows: Sequence[Row]) -> str:
    """The head of a dataset card: the licence, and where the files of each task and split are."""
    lines = ["---"]
    licences = {one.licence for one in about}
    short = re.sub(r"\s+", "-", next(iter(licences)).strip().lower()) if len(licences) == 1 else ""
    if KNOWN_LICENCES.fullmatch(short):
        lines.append(f"license: {short}")
    else:
        lines += ["license: other", f"license_name: {_quoted('; '.join(sorted(filter(None, licences))) or 'unknown')}"]
    lines += ["task_categories:", "- image-segmentation", "configs:"]
    for task in tasks:
        lines += [f"- config_name: {_quoted(task.name)}", "  data_files:"]
        for split in dict.fromkeys(row.split for row in rows if row.task == task.key):
            lines += [f"  - split: {split}", f"    path: {_quoted(f'{task.name}/{split}/**')}"]
    return "\n".join([*lines, "---"])


def _quoted(text: str) -> str:
    """A text that YAML reads as it is."""
    return "'" + " ".join(text.split()).replace("'", "''") + "'"


def _index(folder: Path, rows: Sequence[Row]) -> str:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    known = dict[str, str]()
    for row in rows:
        for name in (row.image, row.mask):
            file = name.partition("#")[0]
            if file not in known:  # many rows may share one file
                known[file] = sha256_of(folder / file)
        digests = (known[name.partition("#")[0]] for name in (row.image, row.mask))
        table.writerow([row.image, row.mask, row.task, row.split, row.subject, *digests])
    return text.getvalue()


def _patterns(rows: Sequence[Row]) -> dict[str, list[str]]:
    """The folders of images and of masks, with a wildcard for the files."""
    folders = {"images": [row.image for row in rows], "masks": [row.mask for row in rows]}
    return {
        kind: sorted({f"{name.rpartition('/')[0]}/*{_ending(name)}" for name in names})
        for kind, names in folders.items()
    }


def _ending(name: str) -> str:
    return ".nii.gz" if name.endswith(".nii.gz") else Path(name).suffix
