"""`universeg-predict`: files in, masks and pictures out; the Python call beneath it is in predictor.py."""

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
from universeg.imageio.image import ImageError, LoadedImage
from universeg.imageio.load import read_image, stem
from universeg.imageio.write import in_nifti, write_mask, write_probability
from universeg.model import SHIPPED
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

HELP = f"""Segment images by the example of a few labelled ones, without training.

You need the images to segment, and a folder of support: 5 to 64 images of the same kind, each with a mask
(0 outside, any other value inside) of the structure you want. The more alike they are, the better the result.

Examples:

universeg-predict -i new/cell.bmp -s labelled/ -o results/ --label 255

universeg-predict -w best.safetensors -i scan.nii.gz -s labelled/ -o results/ --intensity mr --slices all

universeg-predict -w best.safetensors -i new/ -s labelled/ -o results/ --support-size 8 --ensemble 5

The support folder holds images/ and masks/ with the same names (also labels/; imagesTr/ and labelsTr/), or side by
side x.png and x_mask.png (also _seg, _label, _gt), or x.bmp and x.png. Reads PNG, JPG, BMP, TIFF and NIfTI.

For each image you get NAME_mask, at the image's own size, and NAME_overlay.png: look at it. report.json tells what
was done with which files.

{NOTICE}"""


@dataclass(frozen=True, kw_only=True)
class PredictConfig:
    weights: Annotated[Path, arg(aliases=["-w"])] = SHIPPED
    """The network: a .safetensors of universeg-train, or the published .pt; by default that in the package, which was
    trained on synthetic tasks alone."""
    images: Annotated[tuple[Path, ...], arg(aliases=["-i"])]
    """What to segment: files, or folders of them."""
    support: Annotated[Path, arg(aliases=["-s"])]
    """Folder of labelled examples: images and their masks."""
    output: Annotated[Path, arg(aliases=["-o"])]
    """Folder for the results; earlier results of the same name are replaced."""
    save_probabilities: bool = False
    """Write also NAME_probability: the soft prediction before it is cut at 0.5."""
    quiet: Annotated[bool, arg(aliases=["-q"])] = False
    """Show no progress and no table, only what is wrong."""
    settings: Settings = field(default_factory=Settings)

    def __post_init__(self) -> None:
        if not self.images:
            raise ValueError("give at least one image to segment: --images FILE")


def main(args: Sequence[str] | None = None) -> None:
    """The command; exit status 1, with a message, if anything could not be done."""
    config = tyro.cli(
        PredictConfig,
        prog="universeg-predict",
        description=HELP,
        args=args,
        config=(OmitArgPrefixes, FlagCreatePairsOff),
    )
    try:
        results = run(config)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"universeg-predict: {error}\n")
        sys.exit(1)
    failed = [result for result in results if result.error]
    for result in failed:
        sys.stderr.write(f"universeg-predict: not segmented: {result.error}\n")
    if failed:
        sys.exit(1)


def run(config: PredictConfig) -> list[Result]:
    """Segment every query and write the results; a query that cannot be used has its `error`, the others go on.

    Raises ValueError or OSError where nothing can be done: no usable support, weights or output folder.
    """
    pairs, queries = find_pairs(config.support), find_queries(config.images)
    _keep_apart(config.output, [*queries, *(path for pair in pairs for path in (pair.image, pair.mask))])
    draws(len(pairs), config.settings)  # refuses an impossible ensemble before any work
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
            except (ValueError, OSError) as error:
                results.append(Result(str(path), error=str(error)))
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
        found.append(f"{blank} of {len(slices)} slices left empty: no support mask marks anything at their height")
    if not mask.any():
        found.append("nothing was marked in this image")
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
    """Refuse to write among the inputs, where a result could take the place of a person's own mask."""
    if output.resolve() in {path.resolve().parent for path in inputs}:
        raise ImageError(f"{output}: holds the images or masks themselves; give another folder for the results")


def _progress(console: Console, quiet: bool) -> Progress:
    columns = *Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn()
    return Progress(*columns, console=console, disable=quiet)


def _warn(console: Console, name: str, found: Sequence[str]) -> None:
    """Warnings are shown even when quiet."""
    for warning in found:
        console.print(f"warning: {name}: {warning}", markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
