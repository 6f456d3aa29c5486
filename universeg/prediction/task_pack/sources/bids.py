"""BIDS derivatives: masks `*_mask.nii.gz` or label maps `*_dseg.nii.gz` of subjects, with images by the same entities.

The images lie beside the masks, or in the raw dataset that the derivatives belong to. Names are entity-value pairs and
a suffix: `sub-01_ses-2_label-hippocampus_mask`.
"""

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from universeg.imageio.load import stem
from universeg.prediction.labels import Label, colour
from universeg.prediction.task_pack.bounded_zip import PackError
from universeg.prediction.task_pack.sources.source import Labelled, Source, read_json, some

FACTS = "dataset_description.json"
ENDINGS = (".nii.gz", ".nii")
MASKS = ("mask", "dseg")
NO_IMAGES = (*MASKS, "probseg")
OF_MASKS = ("desc", "label", "res", "den", "atlas", "seg")  # entities that an image does not share with its masks
MOST_TABLE = 1 << 20  # bytes of a table of names


@dataclass(frozen=True)
class _File:
    path: Path
    entities: Mapping[str, str]
    suffix: str

    @property
    def key(self) -> tuple[tuple[str, str], ...]:
        """What image and masks of one scan have in common."""
        return tuple(sorted((key, value) for key, value in self.entities.items() if key not in OF_MASKS))

    @property
    def structure(self) -> str:
        return self.entities.get("label") or self.entities.get("desc") or self.suffix


def is_bids(folder: Path) -> bool:
    """Whether a folder is a BIDS dataset with masks."""
    return any(file.suffix in MASKS for file in _files(folder))


def bids(folder: Path, images: Path | None, suffix: str) -> Source:
    """The masks of a folder with their images. `images` is the raw dataset, `suffix` chooses among several (T1w)."""
    masks = defaultdict[tuple[tuple[str, str], ...], dict[str, _File]](dict)
    for file in _files(folder):
        if file.suffix in MASKS:
            masks[file.key][file.structure] = file
    scans = _scans([images] if images else [folder, *_raw(folder)], suffix)
    maps = {file.suffix for files in masks.values() for file in files.values()} == {"dseg"}
    structures = sorted({name for files in masks.values() for name in files})
    if maps and len(structures) > 1:
        raise PackError(f"{folder}: has label maps of several kinds ({some(structures)}); keep one kind in the folder")
    found, notes = list[Labelled](), list[str]()
    for key, files in sorted(masks.items()):
        entities = next(iter(files.values())).entities.items()
        name = "_".join(f"{entity}-{value}" for entity, value in entities if (entity, value) in key)
        missing = [structure for structure in structures if structure not in files]
        if key not in scans:
            notes.append(f"{name} is left out: it has masks, but no image of the same entities was found")
        elif missing:
            notes.append(f"{name} is left out: it has no mask of {some(missing)}")
        else:
            together = tuple(files[structure].path for structure in structures)
            found.append(Labelled(name, scans[key], together, structures=len(together) > 1))
    if not found:
        raise PackError(
            f"{folder}: no mask has an image of the same entities; say where the images are: --images FOLDER"
            + "".join(f"\n  {note}" for note in notes[:5])
        )
    names = _table(folder) if maps else dict(enumerate(structures, 1))
    known = {value: Label(value, name, colour(at)) for at, (value, name) in enumerate(names.items())}
    facts = read_json(folder / FACTS) if (folder / FACTS).is_file() else {}  # derivatives often lack it
    return Source("BIDS", found, known, str(facts.get("License") or ""), str(facts.get("Name") or ""), tuple(notes))


def _files(folder: Path) -> Iterator[_File]:
    """The images and masks of all subjects, in the order of their names."""
    for path in sorted(folder.glob("sub-*/**/sub-*")):
        if path.name.lower().endswith(ENDINGS) and path.is_file():
            *pairs, suffix = stem(path).split("_")
            entities = dict(pair.split("-", 1) for pair in pairs if "-" in pair)
            yield _File(path, entities, suffix)


def _scans(roots: list[Path], suffix: str) -> dict[tuple[tuple[str, str], ...], Path]:
    """The image for each set of entities. Raises PackError where several images could be meant."""
    found = defaultdict[tuple[tuple[str, str], ...], dict[str, Path]](dict)
    for root in roots:
        for file in _files(root):
            if file.suffix not in NO_IMAGES and suffix in ("", file.suffix):
                found[file.key].setdefault(file.suffix, file.path)
    several = sorted({kind for kinds in found.values() if len(kinds) > 1 for kind in kinds})
    if several:
        raise PackError(f"{roots[-1]}: subjects have several images ({some(several)}); choose one with --suffix")
    return {key: next(iter(kinds.values())) for key, kinds in found.items()}


def _raw(folder: Path) -> list[Path]:
    """The raw dataset of derivatives, if they lie in its folder `derivatives`."""
    return [parent.parent for parent in folder.resolve().parents if parent.name == "derivatives"][:1]


def _table(folder: Path) -> dict[int, str]:
    """Names of label values from the first `*_dseg.tsv` (columns index and name)."""
    for path in sorted(folder.rglob("*dseg.tsv")):
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            rows = csv.DictReader(file.read(MOST_TABLE).splitlines(), delimiter="\t")
            return {
                int(row["index"]): row["name"]
                for row in rows
                if (row.get("index") or "").isdecimal() and int(row["index"]) > 0 and row.get("name")
            }
    return {}
