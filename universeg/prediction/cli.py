"""`universeg-predict`: files in, masks and pictures out. The Python function is in predict.py."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import tyro
from PIL import Image
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn
from torch import nn
from tyro.conf import FlagCreatePairsOff, OmitArgPrefixes, arg

from universeg.base.atomic_write import atomic_write
from universeg.base.command import run_command
from universeg.imageio.image import ImageError, LoadedImage
from universeg.imageio.load import read_image, stem
from universeg.imageio.write import in_nifti, write_mask, write_probability
from universeg.model.registry import DEFAULT
from universeg.prediction.overlay import overlay
from universeg.prediction.pairing import find_pairs, find_queries
from universeg.prediction.predict import as_trained, draws, load_support, ready, segment
from universeg.prediction.preprocess import (
    HALF,
    PreparedImage,
    Settings,
    preprocess,
    support_warnings,
    to_image_grid,
    warnings_for,
)
from universeg.prediction.report import NOTICE, Result, show, write_report
from universeg.standardise.resample import Array

HELP = f"""Segment images from a few labelled examples, without training.

You need: the images to segment, and a folder with the support set: 5 to 64 images of the same kind, each with a mask
of the structure (0 outside, any other value inside). The more similar the support images are to the new images, the
better the result.

Examples:

universeg predict -i new/cell.bmp -s labelled/ -o results/ --label 255

universeg predict -i scan.nii.gz -s labelled/ -o results/ --intensity mr --slices all

universeg predict -w best.safetensors -i new/ -s labelled/ -o results/ --support-size 8 --ensemble 5

Layouts of the support folder: folders images/ and masks/ (or labels/, or imagesTr/ and labelsTr/) with the same file
names; or side by side x.png and x_mask.png (also _seg, _label, _gt); or x.bmp and x.png. Formats: NIfTI, MGZ, DICOM,
MHA, MHD, NRRD, PNG, JPEG, BMP, TIFF, GIF, PPM.

Results: for each image NAME_mask, at the image's own size, and NAME_overlay.png to look at; report.json says what was
done with which files.

{NOTICE}"""


@dataclass(frozen=True, kw_only=True)
class PredictConfig:
    weights: Annotated[Path, arg(aliases=["-w"])] = Path(DEFAULT)
    """The weights of the network: a name that `universeg weights` lists, or a file of universeg-train (.safetensors).
    The default was trained on synthetic tasks alone."""
    images: Annotated[tuple[Path, ...], arg(aliases=["-i"])]
    """Images to segment: files or folders."""
    support: Annotated[Path, arg(aliases=["-s"])]
    """Folder with the support set: images and their masks."""
    output: Annotated[Path, arg(aliases=["-o"])]
    """Folder for the results. Earlier results with the same names are replaced."""
    save_probabilities: bool = False
    """Also write NAME_probability: the probability of each pixel, before the threshold of 0.5."""
    quiet: Annotated[bool, arg(aliases=["-q"])] = False
    """Show only warnings and errors."""
    settings: Settings = field(default_factory=Settings)

    def __post_init__(self) -> None:
        if not self.images:
            raise ValueError("give at least one image to segment: --images FILE")


def main(args: Sequence[str] | None = None) -> None:
    """The command; exit status 1, with a message, if something could not be done."""
    run_command("universeg-predict", _predict, args, interrupted="finished images are kept; run again for the others")


def _predict(args: Sequence[str]) -> int:
    settings = (OmitArgPrefixes, FlagCreatePairsOff)
    config = tyro.cli(PredictConfig, prog="universeg-predict", description=HELP, args=args, config=settings)
    failed = [result for result in run(config) if result.error]
    for result in failed:
        sys.stderr.write(f"universeg-predict: not segmented: {result.error}\n")
    return 1 if failed else 0


def run(config: PredictConfig) -> list[Result]:
    """Segment every query and write the results. A query that cannot be used gets an `error`; the others continue.

    Raises ValueError or OSError if nothing can be done: no usable support set, weights or output folder.
    """
    pairs, queries = find_pairs(config.support), find_queries(config.images)
    _keep_apart(config.output, [*queries, *(path for pair in pairs for path in (pair.image, pair.mask))])
    draws(len(pairs), config.settings)  # refuses an impossible ensemble before the work begins
    network = ready(config.weights, config.settings.device)
    config = replace(config, settings=as_trained(config.settings, config.weights))
    support = load_support([pair.image for pair in pairs], [pair.mask for pair in pairs], config.settings)
    common = support_warnings(support)
    console = Console(stderr=True)
    _warn(console, "support", common)
    results = list[Result]()
    with _progress(console, config.quiet) as progress:
        bar = progress.add_task("segmenting", total=len(queries))
        for path in queries:
            try:
                result = _one(path, network, support, config, progress)
                _warn(console, path.name, result.warnings)
                results.append(replace(result, warnings=(*common, *result.warnings)))
            except (ValueError, OSError, MemoryError) as error:
                about = str(error) if str(path) in str(error) else f"{path}: {str(error) or 'not enough memory'}"
                results.append(Result(str(path), error=about))
            progress.advance(bar)
    write_report(config.output, config.weights, config.settings, pairs, results)
    if not config.quiet:
        show(config.output, results)
    return results


def _one(
    path: Path, network: nn.Module, support: Sequence[PreparedImage], config: PredictConfig, progress: Progress
) -> Result:
    """Segment one image and write its files."""
    settings = config.settings
    scan = read_image(path)
    query = preprocess(scan, settings)
    found = warnings_for(query, support)
    bar = progress.add_task(f"  {path.name}", total=len(query.images), visible=len(query.images) > 1)
    slices = segment(network, query, support, settings, lambda: progress.advance(bar))
    progress.remove_task(bar)
    own = to_image_grid(slices, query)
    mask = own >= HALF
    blank = int((slices == 0).all(axis=(1, 2)).sum())
    if blank:
        found.append(f"{blank} of {len(slices)} slices stay empty: all support masks are empty at that relative height")
    if not mask.any():
        found.append("nothing was segmented in this image")
    shown = [support[number] for number in draws(len(support), settings)[0]]
    picture = overlay(path.name, scan, query, own, slices, shown)
    looked_at = mask.shape[query.axis] if query.axis is not None and settings.slices == "mid" else 1
    return Result(
        image=str(path),
        **_written(config, scan, stem(path), own, picture),
        shape=mask.shape,
        marked_share=float(mask.mean() * looked_at),  # of the one slice, if only one was segmented
        warnings=tuple(found),
    )


def _written(config: PredictConfig, scan: LoadedImage, name: str, own: Array, picture: Image.Image) -> dict[str, str]:
    """Write the files of one result; the fields of a Result that name them."""
    mask_ending, soft_ending = (".nii.gz", ".nii.gz") if in_nifti(scan) else (".png", ".tif")
    files = {"mask": config.output / f"{name}_mask{mask_ending}", "overlay": config.output / f"{name}_overlay.png"}
    write_mask(files["mask"], own >= HALF, scan)
    with atomic_write(files["overlay"]) as part:
        picture.save(part, format="PNG")
    if config.save_probabilities:
        files["probability"] = config.output / f"{name}_probability{soft_ending}"
        write_probability(files["probability"], own, scan)
    return {what: str(path) for what, path in files.items()}


def _keep_apart(output: Path, inputs: Sequence[Path]) -> None:
    """Refuse to write into an input folder, where a result could replace a person's own mask."""
    if output.resolve() in {path.resolve().parent for path in inputs}:
        raise ImageError(f"{output}: is the folder of the input images or masks; choose another folder for the results")


def _progress(console: Console, quiet: bool) -> Progress:
    columns = *Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn()
    return Progress(*columns, console=console, disable=quiet)


def _warn(console: Console, name: str, found: Sequence[str]) -> None:
    """Warnings are shown even when quiet."""
    for warning in found:
        console.print(f"warning: {name}: {warning}", markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
