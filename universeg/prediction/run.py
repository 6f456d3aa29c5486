"""The work of `universeg-predict`: examples and images in, results and their report out."""

import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.progress import Progress

from universeg.base.console import say, warn
from universeg.imageio.image import LoadedImage
from universeg.imageio.load import read_colours
from universeg.imageio.segmentation_object import check_source
from universeg.imageio.write import format_like
from universeg.prediction.check.query_doctor import QueryDoctor, answer_findings
from universeg.prediction.check.show import summary
from universeg.prediction.inputs import Inputs
from universeg.prediction.label_files import write_label_files
from universeg.prediction.overlay import ExamplePanels, overlay
from universeg.prediction.preprocess import preprocess
from universeg.prediction.queries import Query
from universeg.prediction.report.check_report import show_check
from universeg.prediction.report.csv_file import write_csv
from universeg.prediction.report.html import Page, write_html
from universeg.prediction.report.json_report import as_json, report_of, write_report
from universeg.prediction.report.preview import picture_preview, volume_preview, write_preview
from universeg.prediction.report.result import Result
from universeg.prediction.report.table import show
from universeg.prediction.results import result_labels, write_result
from universeg.prediction.segmentation import Segmentation, what_stays_empty
from universeg.prediction.task import Task, prepared_task, progress_on
from universeg.prediction.task_pack.use import with_pack_names
from universeg.standardise.normalise import limits

LOOKED_AT = (10, 20, 50)  # images, after which they are compared with the examples as a whole, as at the end
REPORT_EVERY = 10.0  # seconds between updates of report.json, so that a killed run can continue


def run(inputs: Inputs, console: Console) -> list[Result]:
    """Segment every query and write the results. A query that cannot be used gets an `error`; the others continue.

    With `checks.check`, only the examples are checked. Raises ValueError or OSError if nothing can be done: no usable
    support set or weights.
    """
    config = inputs.config
    task = prepared_task(config, inputs.pairs, console)
    if config.checks.check:
        show_check(task.config, task.checkup, task.segmenter.examples.labels)
        return []
    warn(console, "support", task.warnings)
    if task.checkup.estimate is not None and not config.quiet:
        say(console, summary(task.checkup.estimate))
    work = _Work(inputs, task, console)
    try:
        work.all(inputs.queries)
    finally:  # also after Ctrl-C: what is finished is kept
        work.write(whole=True)
    if config.json:
        sys.stdout.write(as_json(work.report))
    elif not config.quiet:
        show(config.output, work.results)
    return work.results


class _Work:
    """All queries of one run, and what has been done of them."""

    def __init__(self, inputs: Inputs, task: Task, console: Console) -> None:
        self.inputs, self.config, self.segmenter, self.console = inputs, task.config, task.segmenter, console
        self.common, self.checkup = task.warnings, task.checkup
        self.doctor = QueryDoctor(task.segmenter.examples.images)
        self.panels = ExamplePanels(task.segmenter.examples.images)
        self.results = list[Result]()
        self.told = set[str]()
        self.written = time.monotonic()

    def all(self, queries: Sequence[Query]) -> None:
        with progress_on(self.console, self.config.quiet or self.config.json) as progress:
            bar = progress.add_task("segmenting", total=len(queries))
            for query in queries:
                self.results.append(self.one(query, progress))
                progress.advance(bar)
                if len(self.doctor.seen) in LOOKED_AT or query is queries[-1]:
                    self._look_at_all()
                if time.monotonic() - self.written > REPORT_EVERY:
                    self.write()

    def one(self, query: Query, progress: Progress) -> Result:
        """The result of one query, made now or by an earlier run; or why there is none."""
        began = time.monotonic()
        try:
            of_input = self.inputs.digest_of(query)
            if of_input in self.inputs.earlier:
                return self.inputs.earlier[of_input]
            result = replace(self._segmented(query, progress), digest=of_input)
        except (ValueError, OSError, MemoryError) as error:
            about = (
                str(error) if str(query.path) in str(error) else f"{query.path}: {str(error) or 'not enough memory'}"
            )
            return Result(str(query.path), error=about)
        new = [warning for warning in result.warnings if warning not in self.told]
        self.told |= {*new}
        warn(self.console, query.name if query.series is not None else query.path.name, new)
        if self.config.verbose:
            say(self.console, f"{query.path}: {time.monotonic() - began:.1f} s")
        return replace(result, warnings=(*self.common, *result.warnings))

    def _look_at_all(self) -> None:
        """Say once what is odd about the images as a whole."""
        found = [str(one) for one in self.doctor.together() if str(one) not in self.common]
        warn(self.console, "images", found)
        self.common = (*self.common, *found)
        self.results = [
            result if result.error else replace(result, warnings=tuple(dict.fromkeys([*found, *result.warnings])))
            for result in self.results
        ]

    @property
    def report(self) -> dict[str, Any]:
        """What report.json holds."""
        config, labels = self.config, self.segmenter.examples.labels
        report = report_of(config.weights, config.settings, self.inputs.pairs, self.results, labels, self.checkup)
        return dict(with_pack_names(report, config))

    def write(self, whole: bool = False) -> None:
        """Update report.json and the tables of labels; with `whole` also the page and the measurements."""
        config, labels, report = self.config, self.segmenter.examples.labels, self.report
        write_report(config.output, report)
        done = next((result for result in self.results if not result.error), None)
        if done is not None and (len(labels) > 1 or config.labels is not None):
            write_label_files(config.output, result_labels(labels, Path(done.mask).suffix))
        if whole and self.results:
            write_csv(config.output / "measurements.csv", self.results, self.common)
            write_html(Page.of(config.output, self.results, labels, self.checkup, report, self.common))
        self.written = time.monotonic()

    def _segmented(self, query: Query, progress: Progress) -> Result:
        """Segment all frames of one image and write its files."""
        config, support = self.config, self.segmenter.examples.images
        frames, found = list[tuple[LoadedImage, Segmentation]](), list[str]()
        if config.format == "seg":
            check_source(query.files[0])
        numbers, bar = query.frames(config.frame), progress.add_task(f"  {query.path.name}", visible=False)
        for frame in numbers:
            scan = query.load(frame, config.settings.channel)
            format_like(scan, len(numbers), "auto" if config.format == "seg" else config.format)  # or ends the work
            prepared = preprocess(scan, config.settings)
            found += [str(finding) for finding in self.doctor.findings(prepared) if str(finding) not in found]
            slices = len(numbers) * len(prepared.images)
            progress.update(bar, total=slices, visible=slices > 1)
            frames.append((scan, self.segmenter.segment(prepared, advance=lambda: progress.advance(bar))))
        progress.remove_task(bar)
        sizes = [int((segmented.winners != 0).sum()) for _, segmented in frames]
        at = sizes.index(max(sizes))
        shown = frames[at]
        picture = overlay(query.path.name, *shown, self.panels)
        found += map(str, answer_findings(shown[1].winners, support))
        soft = config.save_probabilities, config.save_uncertainty, config.save_consistency
        how = *soft, config.format, config.cleaning, query.files
        written = write_result(config.output, query.name, frames, picture, *how)
        preview = config.output / "previews" / f"{query.name}.jpg"
        write_preview(preview, self._preview(query, numbers[at], shown, written.maps[at]))
        return Result(
            image=str(query.path),
            mask=str(written.mask),
            overlay=str(written.overlay),
            preview=str(preview),
            probabilities=tuple(map(str, written.probabilities)),
            uncertainty=str(written.uncertainty or ""),
            consistency=str(written.consistency or ""),
            shape=written.shape,
            marked=written.marked,
            measures=written.measures,
            expected_dice=self.checkup.expected([segmented for _, segmented in frames]),
            warnings=(*found, *what_stays_empty([segmented for _, segmented in frames])),
        )

    def _preview(
        self, query: Query, frame: int | None, shown: tuple[LoadedImage, Segmentation], numbers: NDArray[np.uint8]
    ) -> Image.Image:
        """The image at its own size: pictures in their own colours, volumes as a montage."""
        scan, segmented = shown
        colours, axis = [label.colour for label in segmented.labels], segmented.query.axis
        if axis is None:
            own = scan if query.series is not None else read_colours(query.path, frame)
            return picture_preview(own.values, numbers, colours)
        ends = limits(scan.values, self.config.settings.intensity, self.config.settings.window)
        return volume_preview(scan.values, numbers, axis, scan.spacing, ends, colours)
