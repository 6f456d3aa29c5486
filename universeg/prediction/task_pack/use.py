"""A task pack in place of a support folder: the defaults of `universeg predict --task`."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from universeg.model.registry import DEFAULT
from universeg.prediction.config import EffortConfig, PredictConfig
from universeg.prediction.task_pack.pack_file import open_pack

FLAGS = ("-t", "--task")


@contextmanager
def task_defaults(args: Sequence[str]) -> Iterator[PredictConfig | None]:
    """What a command line that names a task pack begins with; None if it names none.

    The pack is unpacked for as long as the block runs. Its examples are the support set; its settings, levers and
    adapted weights hold unless the command line says otherwise. Raises PackError for a pack that cannot be used.
    """
    path = task_in(args)
    if path is None:
        yield None
        return
    with open_pack(path) as pack:
        yield PredictConfig(
            task=path,
            support=pack.folder,
            settings=pack.settings,
            weights=pack.weights or Path(DEFAULT),
            effort=EffortConfig(**pack.levers),
        )


def task_in(args: Sequence[str]) -> Path | None:
    """The task pack that a command line names: `-t FILE`, `--task FILE`, or `--task=FILE`."""
    for flag, value in zip(args, [*args[1:], ""], strict=True):
        name, equals, same = flag.partition("=")
        if name in FLAGS and (equals or value):
            return Path(same if equals else value)
    return None


def with_pack_names(report: Any, config: PredictConfig) -> Any:
    """A report with the name of the task pack, as `heart.zip/images/x.png`, in place of the folder of its files."""
    if config.task is None:
        return report
    if isinstance(report, str):
        return report.replace(str(config.support), str(config.task))
    if isinstance(report, Mapping):
        return {key: with_pack_names(value, config) for key, value in report.items()}
    return [with_pack_names(value, config) for value in report] if isinstance(report, list | tuple) else report
