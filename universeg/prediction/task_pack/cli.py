"""`universeg-task`: make, look at, merge, prune and export task packs."""

import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn
from rich.table import Column, Table
from rich.text import Text
from tyro.conf import FlagCreatePairsOff, OmitArgPrefixes, OmitSubcommandPrefixes, subcommand

from universeg.base.atomic_write import atomic_write
from universeg.base.command import run_command
from universeg.prediction.task_pack.bounded_zip import PackError, digest_of
from universeg.prediction.task_pack.config import (
    CreateConfig,
    InfoConfig,
    MergeConfig,
    PackExportConfig,
    PruneConfig,
)
from universeg.prediction.task_pack.create import Wishes, collect
from universeg.prediction.task_pack.exports import export_folder, export_huggingface, export_nnunet, export_slicer
from universeg.prediction.task_pack.facts import Facts
from universeg.prediction.task_pack.merge import merge
from universeg.prediction.task_pack.pack_file import TaskPack, check_pixels, open_pack, write_pack
from universeg.prediction.task_pack.picture import contact_sheet
from universeg.prediction.task_pack.prune import prune
from universeg.prediction.task_pack.sources import find_source

HELP = """Make, look at, merge, prune and export task packs.

A task pack is one zip file with everything that defines a task: labelled images, names and colours of the structures,
settings, adapted weights if there are any, licence and source. To use it: universeg predict -t heart.zip -i new -o out

Examples:

universeg task create heart.zip --from labelled/ --label-names "left ventricle" --licence "CC BY 4.0" --intensity mr

universeg task info heart.zip --picture heart.png

universeg task merge heart.zip more.zip --output all.zip

universeg task prune all.zip --keep 16 --output small.zip

universeg task export all.zip --to nnunet --output nnUNet_raw_heart"""


def create(config: CreateConfig) -> None:
    with tempfile.TemporaryDirectory(prefix="universeg-task-") as temporary:
        place = Path(temporary)
        source = find_source(
            config.source, place / "unpacked", config.images, config.suffix, config.channel_number, config.accept
        )
        for note in source.notes:
            _say(f"note: {note}")
        wishes = Wishes(
            name=config.name or config.pack.stem,
            label_names=config.label_names,
            settings=config.settings,
            levers=config.levers,
            licence=config.licence,
            source=config.source_note,
            weights=config.with_weights,
            number_names=config.number_names,
        )
        with _bar("reading", 2 * len(source.examples), config.quiet) as advance:
            pack, notes = collect(source, wishes, place / "pack", advance)
        for note in notes[:LISTED_NOTES]:
            _say(f"note: {note}")
        if len(notes) > LISTED_NOTES:
            _say(f"note: and {len(notes) - LISTED_NOTES} more notes of this kind about masks")
        if config.keep:
            pack = _pruned(pack, config.keep, config.quiet)
        facts = write_pack(config.pack, pack.facts, pack.folder)
    if not facts.licences:
        _say("note: the pack names no licence; say it with --licence before you pass the pack on")
    if not config.quiet:
        _tell_written(config.pack, facts, f" from {source.layout}")


def info(config: InfoConfig) -> None:
    with open_pack(config.pack) as pack:
        check_pixels(pack)
        _show(pack)
        if config.picture:
            with atomic_write(config.picture) as part:
                contact_sheet(pack).save(part, format="PNG")
            sys.stdout.write(f"All examples are drawn in {config.picture}\n")


def merge_packs(config: MergeConfig) -> None:
    if len(config.packs) < 2:
        raise PackError("name at least two task packs to merge")
    with ExitStack() as stack:
        packs = [stack.enter_context(open_pack(path)) for path in config.packs]
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="universeg-task-")))
        pack, notes = merge(packs, config.output.stem, place)
        for note in notes:
            _say(note)
        _tell_written(config.output, write_pack(config.output, pack.facts, place), "")


def prune_pack(config: PruneConfig) -> None:
    with open_pack(config.pack) as pack:
        small = _pruned(pack, config.keep, config.quiet)
        _tell_written(config.output, write_pack(config.output, small.facts, small.folder), "")


def export(config: PackExportConfig) -> None:
    with open_pack(config.pack) as pack:
        if not pack.facts.licences:
            _say("warning: the pack names no licence; ask its maker before you pass the images on")
        with _bar("exporting", len(pack.facts.examples), config.quiet) as advance:
            if config.to == "nnunet":
                export_nnunet(pack, config.output, config.number, advance)
            else:
                layouts = {"huggingface": export_huggingface, "slicer": export_slicer, "folder": export_folder}
                layouts[config.to](pack, config.output, advance)
    if not config.quiet:
        sys.stdout.write(f"{len(pack.facts.examples)} examples are in {config.output}\n")


LISTED_NOTES = 3
LISTED = 30  # dropped examples that are named
ACTIONS: Mapping[type, Callable[[Any], None]] = {
    CreateConfig: create,
    InfoConfig: info,
    MergeConfig: merge_packs,
    PruneConfig: prune_pack,
    PackExportConfig: export,
}
COMMANDS = (
    Annotated[CreateConfig, subcommand("create")]
    | Annotated[InfoConfig, subcommand("info")]
    | Annotated[MergeConfig, subcommand("merge")]
    | Annotated[PruneConfig, subcommand("prune")]
    | Annotated[PackExportConfig, subcommand("export")]
)


def main(args: Sequence[str] | None = None) -> None:
    """The command; exit status 1 with a message if it fails."""
    run_command("universeg-task", _run, args, interrupted="nothing was written; run the same command again")


def _run(args: Sequence[str]) -> None:
    options = (OmitSubcommandPrefixes, OmitArgPrefixes, FlagCreatePairsOff)
    config: Any = tyro.cli(COMMANDS, prog="universeg-task", description=HELP, args=args, config=options)
    ACTIONS[type(config)](config)


def _show(pack: TaskPack) -> None:
    """The facts of a pack as tables."""
    facts, console = pack.facts, Console()
    about = Table("", Column(overflow="fold"), title=_printable(f"Task {facts.name}"), show_header=False)
    settings = ", ".join(f"{key} {value}" for key, value in facts.settings.items())
    lines = {
        "labels": ", ".join(f"{label.value} {label.name}" for label in facts.labels),
        "examples": str(len(facts.examples)),
        "settings": settings or "the defaults",
        "adapted weights": "yes" if facts.weights else "none",
        "licence": "; ".join(facts.licences) or "not known",
        "source": "; ".join(facts.sources) or "not known",
        "made by": facts.made_by,
        "size": f"{Path(pack.where).stat().st_size} bytes",
        "SHA-256": digest_of(Path(pack.where)).sha256,
        "checked": "digests of all members, and every image with its mask",
    }
    for what, value in lines.items():
        about.add_row(what, _printable(value))
    console.print(about)
    table = Table("example", "size", *(Column(_printable(label.name)) for label in facts.labels))
    for example in facts.examples:
        mask = pack.mask(example)
        shares = [f"{(mask == label.value).mean():.2%}" for label in facts.labels]
        table.add_row(_printable(example.name), " x ".join(map(str, mask.shape)), *shares)
    console.print(table)


def _pruned(pack: TaskPack, keep: int, quiet: bool) -> TaskPack:
    """The pack with fewer examples, and which these are."""
    with _bar("comparing", len(pack.facts.examples), quiet) as advance:
        small, dropped = prune(pack, keep, advance)
    _say(f"kept {len(small.facts.examples)}: {', '.join(example.name for example in small.facts.examples)}")
    more = f" and {len(dropped) - LISTED} more" if len(dropped) > LISTED else ""
    _say(f"dropped {len(dropped)}: {', '.join(dropped[:LISTED]) or 'none'}{more}")
    return small


def _tell_written(path: Path, facts: Facts, origin: str) -> None:
    names = ", ".join(label.name for label in facts.labels)
    sys.stdout.write(f"{path}: {len(facts.examples)} examples of {names}{origin}\n")
    sys.stdout.write(f"Use it with: universeg predict -t {path} -i NEW_IMAGES -o RESULTS\n")


@contextmanager
def _bar(what: str, total: int, quiet: bool) -> Iterator[Callable[[], None]]:
    """A progress bar; the function moves it on by one."""
    columns = *Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as progress:
        bar = progress.add_task(what, total=total)
        yield lambda: progress.advance(bar)


def _say(line: str) -> None:
    Console(stderr=True).print(_printable(line), soft_wrap=True)


def _printable(text: str) -> Text:
    """Without markup, and with escapes for what a terminal cannot show: a pack may come from anybody."""
    return Text("".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text))


if __name__ == "__main__":
    main()
