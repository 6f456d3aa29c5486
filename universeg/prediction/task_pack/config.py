"""What the commands of `universeg-task` can be told. No torch here."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from universeg.episodes.lever_flags import InferenceLevers
from universeg.prediction.settings import Settings

Quiet = Annotated[bool, arg(aliases=["-q"])]
Output = Annotated[Path, arg(aliases=["-o"])]


@dataclass(frozen=True, kw_only=True)
class CreateConfig:
    """Make a task pack from labelled images.

    Reads folders of images and masks as universeg predict does, raw datasets of nnU-Net, BIDS derivatives, tasks of
    SlicerMultiverSeg (folder or zip), and results of universeg predict that you accept. Images are written anew: names
    and dates of patients in DICOM headers and EXIF data are left behind. Text inside the pixels, and the names of files
    (see --number-names), stay.
    """

    pack: Positional[Path]
    """The task pack to write (.zip)."""
    source: Annotated[Path, arg(name="from", aliases=["-f"])]
    """Folder with the labelled images."""
    name: str = ""
    """Name of the task. Default: that of the file."""
    label_names: tuple[str, ...] = ()
    """Names of the structures, in the order of their values in the masks. Default: those that a labels file in the
    folder gives."""
    licence: str = ""
    """Licence of the images and masks, such as "CC BY 4.0". Whoever gets the pack needs to know it."""
    source_note: str = ""
    """Where the images come from, and whom to cite."""
    with_weights: Path | None = None
    """Weights that were adapted to this task (.safetensors)."""
    keep: int = 0
    """Keep only this many examples, each of which stands for a group of similar ones. 0: all."""
    number_names: bool = False
    """Name the examples 001, 002 ... in place of the names of their files, which may tell who a patient is."""
    images: Path | None = None
    """BIDS: the raw dataset with the images, if it is not found."""
    suffix: str = ""
    """BIDS: which images to take if there are several, such as T1w."""
    channel_number: int = 0
    """nnU-Net: which channel of the images to take."""
    accept: tuple[str, ...] = ()
    """Results of universeg predict: names of the images whose masks are good, or patterns such as 'scan*'."""
    quiet: Quiet = False
    """Show only warnings and errors."""
    settings: Settings = field(default_factory=Settings)
    levers: InferenceLevers = field(default_factory=InferenceLevers)

    def __post_init__(self) -> None:
        if self.pack.suffix.lower() != ".zip":
            raise ValueError(f"{self.pack}: the name of a task pack ends in .zip")


@dataclass(frozen=True, kw_only=True)
class InfoConfig:
    """Check all digests, read all images, and show what a task pack holds."""

    pack: Positional[Path]
    """The task pack."""
    picture: Annotated[Path | None, arg(aliases=["-p"])] = None
    """Also draw all examples with outlines, as a PNG file."""


@dataclass(frozen=True, kw_only=True)
class MergeConfig:
    """Put task packs of the same labels together. Examples with the same pixels are dropped, and named."""

    packs: Positional[tuple[Path, ...]]
    """The task packs, at least two. Settings are taken from the first."""
    output: Output
    """The task pack to write (.zip)."""


@dataclass(frozen=True, kw_only=True)
class PruneConfig:
    """Keep only some examples, each of which stands for a group of similar ones. They are named."""

    pack: Positional[Path]
    """The task pack."""
    keep: int
    """How many examples to keep."""
    output: Output
    """The task pack to write (.zip)."""
    quiet: Quiet = False
    """Show no progress."""


@dataclass(frozen=True, kw_only=True)
class PackExportConfig:
    """Write a task pack for other programs, with its licence and source."""

    pack: Positional[Path]
    """The task pack."""
    to: Literal["nnunet", "huggingface", "slicer", "folder"]
    """nnunet: a raw dataset of nnU-Net, to train a network if there are enough examples. huggingface: a folder for
    `datasets.load_dataset`, with Croissant metadata. slicer: tasks of SlicerMultiverSeg. folder: images/ and masks/."""
    output: Output
    """Folder for the result; it must not exist, or be empty."""
    number: int = 501
    """nnunet: the number of the dataset, from 1 to 999."""
    quiet: Quiet = False
    """Show only warnings and errors."""
