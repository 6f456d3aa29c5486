"""`universeg-predict`: files in, masks and pictures out. The Python function is in predict.py."""

import sys
from collections.abc import Sequence

import tyro
from rich.console import Console
from tyro.conf import FlagCreatePairsOff, OmitArgPrefixes

from universeg.base.command import run_command
from universeg.prediction.config import PredictConfig
from universeg.prediction.report.result import NOTICE
from universeg.prediction.task_pack.use import task_defaults

HELP = f"""Segment images from a few labelled examples, without training.

You need: the images to segment, and a folder with the support set (the context, the examples): 5 to 64 images of the
same kind, each with a mask of the structure (0 outside, another value inside; several values are several structures).
The more similar the support images are to the new images, the better the result.

Examples:

universeg predict -i new/cell.bmp -s labelled/ -o results/

universeg predict -i scan.nii.gz -s labelled/ -o results/ --intensity mr

universeg predict -i dicom/ -s labelled/ -o results/ --intensity ct --labels names.txt

universeg predict -i new/ -s labelled/ --support-masks 'labelled/*_manual.png' -o results/ --label 255

universeg predict -t heart.zip -i new/ -o results/

universeg predict -w best.safetensors -i new/ -s labelled/ -o results/ --support-size 8 --ensemble 5

Layouts of the support folder: folders images/ and masks/ (or labels/, or imagesTr/ and labelsTr/) with the same file
names; masks/ with one folder for each structure; or side by side x.png and x_mask.png (also mask_x, _seg, _label, _gt);
or x.bmp and x.png. Formats: NIfTI, MGZ, DICOM (files and series), MHA, MHD, NRRD, PNG, JPEG, BMP, TIFF, GIF, PPM.

Results: for each image NAME_mask, at the image's own size and in its format, and NAME_overlay.png to look at;
report.json says what was done with which files. After Ctrl-C, run the same command again: finished images are kept.

{NOTICE}"""


def main(args: Sequence[str] | None = None) -> None:
    """The command; exit status 1, with a message, if something could not be done."""
    run_command("universeg-predict", _predict, args, interrupted="finished images are kept; run again for the others")


def _predict(args: Sequence[str]) -> int:
    settings = (OmitArgPrefixes, FlagCreatePairsOff)
    with task_defaults(args) as task:
        config = tyro.cli(
            PredictConfig, prog="universeg-predict", description=HELP, args=args, config=settings, default=task
        )
        assert config is not None, "only the default is, and it is not used then"
        if task is not None and config.support != task.support:
            raise ValueError("give --task or --support, not both: a task pack has its own examples")
        from universeg.prediction.inputs import find_inputs  # --help does without what reads images

        console = Console(stderr=True)
        inputs = find_inputs(config, console)
        finished = inputs.finished()
        if finished:
            from universeg.prediction.report.finished import tell_finished

            tell_finished(config, finished, console)
            return 0
        from universeg.prediction.run import run  # needs torch, which takes long to load

        failed = [result for result in run(inputs, console) if result.error]
    for result in failed:
        sys.stderr.write(f"universeg-predict: not segmented: {result.error}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    main()
