"""What the command `universeg-predict` can be told. No torch here, so that `--help` is quick."""

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import arg

from universeg.episodes.lever_flags import Effort, LeverFlags
from universeg.model.registry import DEFAULT
from universeg.prediction.check.config import CheckConfig
from universeg.prediction.postprocess import Cleaning
from universeg.prediction.settings import Settings


@dataclass(frozen=True, kw_only=True)
class EffortConfig(LeverFlags):
    """How much time to spend on better results from the same examples."""

    effort: Effort = "quick"
    """quick: one pass for each image. normal: first finds out, by segmenting some examples with the help of the others,
    what improves the results: about a minute more. best: also adapts the network to the examples, which takes several
    minutes (see --minutes)."""

    @property
    def does_something(self) -> bool:
        """Whether anything differs from one pass."""
        return any(getattr(self, field.name) != field.default for field in fields(self) if field.name != "minutes")


@dataclass(frozen=True, kw_only=True)
class PredictConfig:
    """The flags of the command; each field is one."""

    weights: Annotated[Path, arg(aliases=["-w"])] = Path(DEFAULT)
    """The weights of the network: a name that `universeg weights` lists, or a file of universeg-train (.safetensors).
    The default was trained on synthetic tasks alone."""
    images: Annotated[tuple[Path, ...], arg(aliases=["-i"])] = ()
    """Images to segment: files, folders of images, or folders with DICOM series. Not needed with --check."""
    support: Annotated[Path, arg(aliases=["-s", "-c", "--context"])]
    """Folder with the support set: images and their masks. Not needed with --task."""
    task: Annotated[Path | None, arg(aliases=["-t"])] = None
    """A task pack (.zip) of universeg task: its examples are the support set; its settings and its adapted weights are
    the defaults."""
    support_masks: str | None = None
    """Where the masks of the support images are, if they are not found: a folder, or a pattern in quotation marks such
    as '*_manual.png'."""
    labels: Path | None = None
    """Names and colours of the values in the masks: dataset.json of nnU-Net, a table of ITK-SNAP or 3D Slicer, or lines
    such as "1 liver". Without it, such a file in the support folder is used."""
    output: Annotated[Path, arg(aliases=["-o"])] = Path("results")
    """Folder for the results."""
    format: Literal["auto", "nifti", "nrrd", "mha", "png", "tiff", "seg"] = "auto"
    """Format of the masks. auto: that of the image (NIfTI for a DICOM series). seg: DICOM segmentation object."""
    frame: int | None = None
    """Of a film or a 4-D file, segment only this frame, from 0. Without it, all frames."""
    save_probabilities: bool = False
    """Also write NAME_probability: the probability of each pixel, before the threshold of 0.5."""
    save_uncertainty: bool = False
    """Also write NAME_uncertainty: of each pixel, 0 if the answer is certain, 1 if two answers are equally probable."""
    save_consistency: bool = False
    """Volumes: also write NAME_consistency: 1 where a slice agrees with the slices next to it, lower where not."""
    overwrite: bool = False
    """Segment images again whose results are in the output folder. Without it, results with the same images, examples
    and settings are kept."""
    json: bool = False
    """Write the report to standard output as JSON, in place of the table."""
    quiet: Annotated[bool, arg(aliases=["-q"])] = False
    """Show only warnings and errors."""
    verbose: Annotated[bool, arg(aliases=["-v"])] = False
    """Also show which mask was taken for each image, and the time of each step."""
    effort: EffortConfig = field(default_factory=EffortConfig)
    cleaning: Cleaning = field(default_factory=Cleaning)
    checks: CheckConfig = field(default_factory=CheckConfig)
    settings: Settings = field(default_factory=Settings)

    def __post_init__(self) -> None:
        if self.quiet and self.verbose:
            raise ValueError("give --quiet or --verbose, not both")
