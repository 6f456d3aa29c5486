"""Labels that nobody publishes: scripts that make them of T1 scans with FreeSurfer, and a folder with what they made.

The tool runs in a container that has nothing of ours, so one stage writes a script for it, another gathers what came.
"""

import json
import shlex
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pipeline.manifest.layout import Group
from pipeline.manifest.path_pattern import Template
from pipeline.manifest.schema import Manifest, load_manifest
from pipeline.match.match import listing, name_of
from universeg.base.atomic_write import atomic_write
from universeg.base.lookup import choose

MADE = ("orig.mgz", "norm.mgz", "aseg.mgz")  # conformed T1, the same without skull, structures by FreeSurfer's numbers

# Commands that leave MADE in "$part/scan/mri", of the scan "$1"
TOOLS: Mapping[str, tuple[str, ...]] = {
    "freesurfer": ('recon-all -all -i "$1" -s scan -sd "$part"',),
    "synthseg": (
        'mkdir -p "$part/scan/mri"',
        'mri_convert --conform "$1" "$part/scan/mri/orig.mgz"',
        'mri_synthseg --cpu --threads 1 --i "$part/scan/mri/orig.mgz" --o "$part/scan/mri/aseg.mgz"',
        'mri_synthstrip -i "$part/scan/mri/orig.mgz" -o "$part/scan/mri/norm.mgz"',
    ),
}

_SCRIPT = """\
# Makes labels with {tool}: one line for each scan, at the end. What is there already is not made again.
export FS_LICENSE={licence}
failed=0
segment() {{  # scan, folder
    if [ -s "$2/mri/aseg.mgz" ]; then return; fi
    part="$2/.part"
    rm -rf "$2" && mkdir -p "$part"
    if {commands} && {check} &&
        mkdir "$part/mri" && mv {files} "$part/mri" && mv "$part/mri" "$2/mri"; then
        rm -rf "$part"
    else
        echo "$1: {tool} made no labels of it; look above for why, leave it out with known_bad in the manifest" \\
            "if it cannot be helped, and run again" >&2
        failed=1
    fi
}}
for program in {programs}; do
    command -v "$program" > /dev/null || {{
        echo "no program $program: run snakemake with --sdm apptainer, or install FreeSurfer 7.3 or later" >&2
        exit 1
    }}
done
{scans}
exit $failed
"""


@dataclass(frozen=True, order=True)
class Unlabelled:
    """A scan to make labels of; paths are relative to the dataset's folder."""

    folder: str  # of the subject in FreeSurfer's layout: mri/ goes below it
    image: str


def unlabelled(manifest: Manifest, root: Path) -> list[Unlabelled]:
    """The scans below `root` that have no labels, and that the manifest does not know as bad, sorted.

    Raises ValueError where two scans would be one subject, or where the manifest's patterns do not fit each other.
    """
    everything = listing(root)
    return sorted(scan for group in manifest.groups if group.segment for scan in _of_group(group, everything))


def _of_group(group: Group, everything: list[str]) -> Iterator[Unlabelled]:
    paths = [path for path in everything if not any(pattern.fits(path) for pattern in group.excluded)]
    labels = _label_template(group)
    done = [match.parts for match in labels.matches(paths)]
    claimed: set[str] = set()
    for form in group.segment:
        scans: dict[str, list[str]] = {}
        for match in form.template.matches(path for path in paths if path not in claimed):
            scans.setdefault(match.root + form.into.format_map(match.parts), []).append(match.path)
        for folder, images in sorted(scans.items()):
            claimed.update(images)
            made = next(labels.matches([f"{folder}/mri/aseg.mgz"]), None)
            if made is None:
                raise ValueError(f"{group.name}: segment writes {folder}/mri/aseg.mgz, which is no {labels.text!r}")
            if made.parts not in done and name_of(group, made.parts) not in group.known_bad:
                yield Unlabelled(folder, _one(folder, images))
                done.append(made.parts)


def _label_template(group: Group) -> Template:
    (text,) = group.labels.patterns.values()
    names = Template(text, {}).names
    return Template(text, {name: regex for name, regex in group.scans[0].template.parts.items() if name in names})


def _one(folder: str, images: list[str]) -> str:
    """The scan's file; of a DICOM series the first slice, by which FreeSurfer finds the others."""
    series = {PurePosixPath(path).parent for path in images}
    if len(images) > 1 and (len(series) > 1 or not all(path.endswith(".dcm") for path in images)):
        raise ValueError(f"{len(images)} scans for one folder {folder}: {', '.join(images[:5])}; keep one of them")
    return images[0]


def write_script(path: Path, scans: list[Unlabelled], root: Path, into: Path, tool: str, licence: Path) -> None:
    """Write the bash script that makes labels of these scans of the dataset at `root`, below the folder `into`."""
    commands = choose(TOOLS, tool, "tool")
    made = [f'"$part/scan/mri/{name}"' for name in MADE]
    lines = [shlex.join(["segment", str((root / s.image).resolve()), str((into / s.folder).resolve())]) for s in scans]
    text = _SCRIPT.format(
        tool=tool,
        licence=shlex.quote(str(licence.resolve())),
        commands=" && ".join(commands),
        check=" && ".join(f"[ -s {name} ]" for name in made),
        files=" ".join(made),
        programs=" ".join(line.split()[0] for line in commands if not line.startswith("mkdir")) if scans else "",
        scans="\n".join(lines),
    )
    with atomic_write(path) as part:
        part.write_text(text, encoding="utf-8")


def gather(root: Path, made: Path, into: Path) -> int:
    """Fill the folder `into` with links to the files below `root` and to what was made, which wins; count that."""
    whole = [path for path in listing(made) if "/.part/" not in path] if made.is_dir() else []
    part = into.with_name(f".{into.name}.part")
    for folder in (part, into):
        shutil.rmtree(folder, ignore_errors=True)
    part.mkdir(parents=True)
    for path, base in {**dict.fromkeys(listing(root), root), **dict.fromkeys(whole, made)}.items():
        link = part / path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to((base / path).absolute())
    part.replace(into)
    return sum(path.endswith("/mri/aseg.mgz") for path in whole)


def to_segment(manifest: Path, raw: Path, tool: str, licence: Path, chunk: int, chunks: int, out: Path) -> None:
    """Write the script that makes the missing labels of one chunk of a dataset's scans.

    Args:
        manifest: The dataset's YAML.
        raw: What the unpack stage noted.
        tool: freesurfer or synthseg.
        licence: FreeSurfer's license.txt.
        chunk: Which part of the scans, from 0.
        chunks: How many parts there are.
        out: The script, for bash; what it makes goes to a folder beside it, named after the tool.
    """
    root = Path(json.loads(raw.read_text(encoding="utf-8"))["root"])
    scans = unlabelled(load_manifest(manifest), root)[chunk::chunks]
    write_script(out, scans, root, out.parent / tool, tool, licence)


def segmented(raw: Path, tool: str, scripts: Path, out: Path) -> None:
    """Put a dataset's files and the labels made for it into one folder, as links, and note where that is.

    Args:
        raw: What the unpack stage noted.
        tool: freesurfer or synthseg.
        scripts: Folder of the scripts that have run.
        out: The note, as the unpack stage writes it; the folder is scripts/files.
    """
    root = Path(json.loads(raw.read_text(encoding="utf-8"))["root"])
    count = gather(root, scripts / tool, scripts / "files")
    with atomic_write(out) as part:
        part.write_text(json.dumps({"root": str(scripts / "files"), "tool": tool, "made": count}), encoding="utf-8")
