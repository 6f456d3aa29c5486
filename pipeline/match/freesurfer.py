"""The stages `to_segment` and `segmented`: create labels with FreeSurfer for T1 scans whose labels are not published.

FreeSurfer may run in a container that does not have this project. So `to_segment` writes a bash script that needs
nothing but FreeSurfer, and after that has run, `segmented` puts its results and the dataset's files into one folder.
"""

import json
import shlex
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pipeline.config import Config, ConfigError, load_config
from pipeline.manifest.layout import Group
from pipeline.manifest.path_pattern import PathPattern
from pipeline.manifest.schema import Manifest, load_manifest
from pipeline.match.listing import list_files, listing
from pipeline.match.names import name_of
from universeg.base.atomic_write import atomic_write, read_json
from universeg.base.lookup import choose

# What each tool creates: the conformed T1, the same without skull, and the structures by FreeSurfer's numbers
OUTPUTS = ("orig.mgz", "norm.mgz", "aseg.mgz")

# Shell commands that write OUTPUTS to "$part/scan/mri" for the scan "$1"
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
# Creates labels with {tool}, one line per scan at the end of this file. Scans that have results are skipped.
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
        echo "$1: {tool} created no labels; its messages are above. Correct the cause and run again," \\
            "or add the scan to known_bad in the manifest" >&2
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
class UnlabelledScan:
    """A scan to create labels for. Paths are relative to the dataset's folder."""

    folder: str  # the subject's folder in FreeSurfer's layout, which contains mri/
    image: str


def unlabelled_scans(manifest: Manifest, root: Path) -> list[UnlabelledScan]:
    """The scans below `root` that have no labels and are not in `known_bad`, sorted.

    Raises ValueError if two scans would be the same subject, or if the manifest's patterns contradict each other.
    """
    paths = listing(root)
    return sorted(scan for group in manifest.groups if group.segment for scan in _unlabelled_in_group(group, paths))


def _unlabelled_in_group(group: Group, all_paths: list[str]) -> Iterator[UnlabelledScan]:
    paths = [path for path in all_paths if not any(pattern.fits(path) for pattern in group.excluded)]
    labels = _label_pattern(group)
    labelled = [match.parts for match in labels.matches(paths)]
    used: set[str] = set()
    for form in group.segment:
        scans: dict[str, list[str]] = {}
        for match in form.pattern.matches(path for path in paths if path not in used):
            scans.setdefault(match.root + form.into.format_map(match.parts), []).append(match.path)
        for folder, images in sorted(scans.items()):
            used.update(images)
            output = next(labels.matches([f"{folder}/mri/aseg.mgz"]), None)
            if output is None:
                raise ValueError(
                    f"{group.name}: segment writes {folder}/mri/aseg.mgz, which the label path {labels.text!r} does"
                    " not match; correct `into` in the manifest"
                )
            if output.parts not in labelled and name_of(group, output.parts) not in group.known_bad:
                yield UnlabelledScan(folder, _input_file(folder, images))
                labelled.append(output.parts)


def _label_pattern(group: Group) -> PathPattern:
    (text,) = group.labels.patterns.values()
    names = PathPattern(text, {}).names
    return PathPattern(text, {name: regex for name, regex in group.scans[0].pattern.parts.items() if name in names})


def _input_file(folder: str, images: list[str]) -> str:
    """The scan's file; of a DICOM series the first slice, from which FreeSurfer finds the others."""
    series = {PurePosixPath(path).parent for path in images}
    if len(images) > 1 and (len(series) > 1 or not all(path.endswith(".dcm") for path in images)):
        raise ValueError(f"{len(images)} scans for one folder {folder}: {', '.join(images[:5])}; keep one of them")
    return images[0]


def write_script(path: Path, scans: list[UnlabelledScan], root: Path, into: Path, tool: str, licence: Path) -> None:
    """Write the bash script that creates labels for these scans of the dataset at `root`, below the folder `into`."""
    commands = choose(TOOLS, tool, "tool")
    outputs = [f'"$part/scan/mri/{name}"' for name in OUTPUTS]
    lines = [shlex.join(["segment", str((root / s.image).resolve()), str((into / s.folder).resolve())]) for s in scans]
    text = _SCRIPT.format(
        tool=tool,
        licence=shlex.quote(str(licence.resolve())),
        commands=" && ".join(commands),
        check=" && ".join(f"[ -s {name} ]" for name in outputs),
        files=" ".join(outputs),
        programs=" ".join(line.split()[0] for line in commands if not line.startswith("mkdir")) if scans else "",
        scans="\n".join(lines),
    )
    with atomic_write(path) as part:
        part.write_text(text, encoding="utf-8")


def gather(root: Path, created: Path, into: Path) -> int:
    """Fill the folder `into` with links to all files below `root` and `created`; return the number of label maps.

    If both folders have a file, the link leads to the one in `created`.
    """
    results = [path for path in listing(created) if "/.part/" not in path] if created.is_dir() else []
    part = into.with_name(f".{into.name}.part")
    for folder in (part, into):
        shutil.rmtree(folder, ignore_errors=True)
    part.mkdir(parents=True)
    listed = list_files(root)
    unusable = [path for path, problem in listed.unusable.items() if not problem.known]  # for the match stage's report
    files = [*listed.files, *unusable]
    for path, base in {**dict.fromkeys(files, root), **dict.fromkeys(results, created)}.items():
        link = part / path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to((base / path).absolute())
    part.replace(into)
    return sum(path.endswith("/mri/aseg.mgz") for path in results)


def to_segment(config: Path, manifest: Path, raw: Path, chunk: int, out: Path) -> None:
    """Write the script that creates the missing labels of one chunk of a dataset's scans.

    Args:
        config: The resolved settings: the tool, FreeSurfer's licence file, and the number of chunks.
        manifest: The dataset's YAML.
        raw: The note of the unpack stage.
        chunk: Which part of the scans, from 0.
        out: The bash script. Its results go to a folder beside it that is named after the tool.
    """
    settings = load_config(config)
    root = Path(read_json(raw)["root"])
    scans = unlabelled_scans(load_manifest(manifest), root)[chunk :: settings.chunks]
    tool = settings.segment.tool
    write_script(out, scans, root, out.parent / tool, tool, _licence_file(settings, config))


def _licence_file(settings: Config, config: Path) -> Path:
    if settings.segment.licence is None:
        raise ConfigError(f"{config}: `segment` has no `licence`; name FreeSurfer's license.txt")
    return settings.segment.licence


def segmented(config: Path, raw: Path, scripts: Path, out: Path) -> None:
    """Put a dataset's files and the labels created for it into one folder, as links, and note where that is.

    Args:
        config: The resolved settings: the tool.
        raw: The note of the unpack stage.
        scripts: The folder of the scripts, after they have run.
        out: The note, in the form of the unpack stage's note. The folder is scripts/files.
    """
    tool = load_config(config).segment.tool
    root = Path(read_json(raw)["root"])
    count = gather(root, scripts / tool, scripts / "files")
    with atomic_write(out) as part:
        part.write_text(json.dumps({"root": str(scripts / "files"), "tool": tool, "made": count}), encoding="utf-8")
