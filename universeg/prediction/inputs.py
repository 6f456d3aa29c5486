"""What a command line names: labelled images, images to segment, earlier results. Mistakes are refused. No torch here.

Torch takes longer to load than all of this, so it is loaded afterwards, and only if there is work to do.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rich.console import Console

from universeg import __version__
from universeg.base.console import say, warn
from universeg.imageio.image import ImageError
from universeg.imageio.segmentation_object import require_highdicom
from universeg.imageio.series import is_dicom
from universeg.model.registry import weights_path
from universeg.prediction.config import PredictConfig
from universeg.prediction.ensemble import check_ensemble
from universeg.prediction.label_files import labels_file, read_labels_file
from universeg.prediction.pairing import Pair, find_pairs
from universeg.prediction.queries import Query, find_queries, left_out
from universeg.prediction.report.result import Result
from universeg.prediction.resume import digest, earlier_report, earlier_results

REPORTS = ("report.html", "measurements.csv")  # what a run writes at its end


@dataclass(frozen=True)
class Inputs:
    """The files of one run, and what earlier runs have made of them."""

    config: PredictConfig
    pairs: tuple[Pair, ...]
    queries: tuple[Query, ...]
    task: str  # a digest of all that results depend on, except for the images to segment
    earlier: Mapping[str, Result]  # finished results in the output folder, by digest

    def digest_of(self, query: Query) -> str:
        """A digest of all that the result of one image depends on."""
        return digest([self.task, str(query.path), *query.files])

    def finished(self) -> list[Result]:
        """The results of all images, if earlier runs have finished each of them and their report; else none."""
        known = {str(query.path) for query in self.queries} <= {result.image for result in self.earlier.values()}
        if not known or not all((self.config.output / name).is_file() for name in REPORTS):
            return []
        try:
            found = [self.earlier.get(self.digest_of(query)) for query in self.queries]
        except OSError:  # reported where each image is read
            return []
        return [result for result in found if result is not None] if None not in found else []


def find_inputs(config: PredictConfig, console: Console) -> Inputs:
    """Find all files, and refuse what cannot work. The console gets what is left out in folders.

    Raises ValueError or OSError, with what to do.
    """
    if not config.images and not config.checks.check:
        raise ValueError("give at least one image to segment: --images FILE; or --check, to check the examples only")
    pairs = find_pairs(config.support, config.support_masks, lambda line: warn(console, "support", [line]))
    for pair in pairs if config.verbose else []:
        say(console, f"pair: {pair.image} with {', '.join(map(str, pair.masks))}")
    queries = [] if config.checks.check else find_queries(config.images)
    warn(console, "images", left_out(config.images, queries, (config.output, config.support)))
    _keep_apart(config, pairs, queries)
    _check_output(config.output)
    check_ensemble(len(pairs), config.settings)
    names = labels_file(config.support, config.labels)
    if names is not None:
        read_labels_file(names)
    if config.format == "seg" and queries:
        if not any(is_dicom(query.files[0]) for query in queries):
            raise ImageError("no image is DICOM; --format seg is for the slices of a DICOM series")
        require_highdicom()
    files = [weights_path(config.weights), *([] if names is None else [names]), *_support_files(pairs)]
    earlier = {} if config.overwrite else earlier_results(earlier_report(config.output))
    return Inputs(config, tuple(pairs), tuple(queries), digest([*map(str, _settings(config)), *files]), earlier)


def _keep_apart(config: PredictConfig, pairs: Sequence[Pair], queries: Sequence[Query]) -> None:
    """Refuse to write into an input folder, where a result could replace a person's own file or be taken for one."""
    output = config.output.resolve()
    files = [path for query in queries for path in query.files] + [*_support_files(pairs)]
    folders = {path.resolve().parent for path in files} | {config.support.resolve()}
    folders |= {path.resolve() for path in config.images if path.is_dir()}
    if output in folders or config.support.resolve() in output.parents:
        raise ImageError(f"{config.output}: is the folder of the input images or masks; choose another for the results")


def _check_output(output: Path) -> None:
    """Raise ImageError if results cannot be written."""
    place = next(path for path in (output, *output.resolve().parents) if path.exists())
    if not place.is_dir():
        raise ImageError(f"{place}: is a file, not a folder; choose another folder for the results with --output")
    if not os.access(place, os.W_OK | os.X_OK):
        raise ImageError(f"{place}: no permission to write there; choose another folder for the results with --output")


def _support_files(pairs: Sequence[Pair]) -> Iterator[Path]:
    for pair in pairs:
        for path in (pair.image, *pair.masks):
            yield from sorted(path.iterdir()) if path.is_dir() else [path]


def _settings(config: PredictConfig) -> list[object]:
    """All that a result depends on beside files."""
    settings = asdict(replace(config.settings, device="auto")) | asdict(config.effort) | asdict(config.cleaning)
    soft = config.save_probabilities, config.save_uncertainty, config.save_consistency
    return [__version__, settings, asdict(config.checks), config.format, config.frame, soft]
