"""Export a task pack for other programs: nnU-Net, Hugging Face, SlicerMultiverSeg, or a plain support folder."""

import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from universeg.base.file_names import file_names
from universeg.prediction.preprocess import preprocess
from universeg.prediction.task_pack.bounded_zip import digest_of
from universeg.prediction.task_pack.facts import Example
from universeg.prediction.task_pack.pack_file import TaskPack
from universeg.prediction.task_pack.pixel_files import PICTURE, VOLUME, nifti
from universeg.standardise.normalise import luminance
from universeg.store.export.about import write_about
from universeg.store.export.case import About, Case, ExportTask, new_folder, png
from universeg.store.export.layouts import huggingface, nnunet

Advance = Callable[[], None]
CHANNELS = {"ct": "CT", "mr": "MR", "unit": "image"}  # nnU-Net normalises CT in its own way


def export_nnunet(pack: TaskPack, out: Path, number: int, advance: Advance) -> None:
    """A raw dataset of nnU-Net: all examples are training cases."""
    task = _task(pack)
    with new_folder(out) as folder:
        write_about(folder, "nnunet", [_about(pack)], [task], nnunet(folder, task, number, advance))


def export_huggingface(pack: TaskPack, out: Path, advance: Advance) -> None:
    """A folder for `datasets.load_dataset`: one split, train."""
    task = _task(pack)
    with new_folder(out) as folder:
        write_about(folder, "huggingface", [_about(pack)], [task], huggingface(folder, task, advance))


def export_folder(pack: TaskPack, out: Path, advance: Advance) -> None:
    """The support folder that universeg predict takes: images, masks, labels.json, and README.md."""
    with new_folder(out) as folder:
        for example in pack.facts.examples:
            for member in (example.image, example.mask):
                (folder / member).parent.mkdir(exist_ok=True)
                shutil.copyfile(pack.folder / member, folder / member)
            advance()
        for name in ("labels.json", pack.facts.weights):
            if name is not None:
                shutil.copyfile(pack.folder / name, folder / name)
        _write_note(folder, pack)


def export_slicer(pack: TaskPack, out: Path, advance: Advance) -> None:
    """For each label a task of SlicerMultiverSeg: a folder, and the zip file that its "import" takes.

    Pictures are grey and as small as the network sees them, since the extension needs one size. Of a volume, the slice
    in which the label is largest is taken; a volume without the label is left out.
    """
    names = file_names([label.name for label in pack.facts.labels])
    counts = dict.fromkeys(names, 0)
    with new_folder(out) as folder:
        for example in pack.facts.examples:
            prepared = preprocess(pack.grey(example), pack.settings, pack.mask(example))
            labels = np.asarray(prepared.labels)
            for name, label in zip(names, pack.facts.labels, strict=True):
                masks = labels == label.value
                areas = masks.sum(axis=(1, 2))
                if len(areas) > 1 and not areas.any():
                    continue
                at = int(areas.argmax())
                task = folder / name
                task.mkdir(exist_ok=True)
                (task / f"image_{counts[name]}.png").write_bytes(png(prepared.images[at]))
                (task / f"mask_{counts[name]}.png").write_bytes(png(masks[at] * np.uint8(255)))
                counts[name] += 1
            advance()
        for name in names:
            if counts[name]:
                shutil.make_archive(str(folder / name), "zip", folder / name)
        _write_note(folder, pack)


def _task(pack: TaskPack) -> ExportTask:
    """The pack in the words of the shared layouts. All files have one format: PNG if all examples are such pictures."""
    members = [example.image for example in pack.facts.examples]
    ending = PICTURE if all(member.endswith(PICTURE) for member in members) else VOLUME
    coloured = ending == PICTURE and all(pack.image(example).coloured for example in pack.facts.examples)
    channels = ("red", "green", "blue") if coloured else (CHANNELS[pack.settings.intensity],)

    def image(example: Example) -> bytes:
        scan = pack.image(example)
        values = scan.values
        if scan.coloured and not coloured:
            values = np.rint(luminance(values)).astype(values.dtype)
        return png(values) if ending == PICTURE else nifti(values, scan)

    def mask(example: Example, factor: int) -> bytes:
        values = pack.mask(example) * np.uint8(factor)
        return png(values) if ending == PICTURE else nifti(values, pack.image(example))

    def cases() -> Iterator[Case]:
        for example in pack.facts.examples:
            yield Case(example.name, example.name, "train", partial(image, example), partial(mask, example))

    (name,) = file_names([pack.facts.name])
    labels = [label.name for label in pack.facts.labels]
    return ExportTask(name, pack.facts.name, labels, channels, cases, len(members), ending)


def _about(pack: TaskPack) -> About:
    """What a pack says of its images."""
    facts = pack.facts
    return About(
        name=facts.name,
        title=f"Task {facts.name}",
        licence="; ".join(facts.licences),
        sources=facts.sources,
        facts={"Made by": facts.made_by, "SHA-256 of the task pack": digest_of(Path(pack.where)).sha256},
    )


def _write_note(folder: Path, pack: TaskPack) -> None:
    """README.md with licence and sources."""
    about = _about(pack)
    lines = [f"# {about.title}", f"Labels: {', '.join(label.name for label in pack.facts.labels)}"]
    lines += [f"Licence: {about.licence or 'not known'}", *(f"Made from: {source}" for source in about.sources)]
    lines += [f"{key}: {value}" for key, value in about.facts.items()]
    (folder / "README.md").write_text("\n\n".join(lines) + "\n", encoding="utf-8")
