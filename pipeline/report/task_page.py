"""The documentation page that counts tasks, group by group, beside those of the paper; generated from the manifests."""

from collections.abc import Iterator, Mapping, Sequence

from pipeline.manifest import expected_counts
from pipeline.manifest.layout import Group
from pipeline.manifest.schema import Manifest

PAPER_TASKS = 4432  # training tasks of all 46 training datasets: paper, Table 10, last row
HEAD = """# Tasks

This page is generated from [the manifests](../../dataset_manifests/README.md) by `python -m pipeline table`. Do not
edit it.

A task is a combination of dataset, group, modality, label and axis. Labels x modalities x axes is the largest number
of tasks of a group; labels that are in too few scans of a copy are not stored. "Builder" is the same number for the
settings of the builder that the paper's authors wrote, as far as this project knows them.
"""
TABLE = """
| dataset | group | labels | modalities | axes | tasks | builder | why it differs |
| --- | --- | ---: | ---: | ---: | ---: | ---: | --- |
"""


def task_page(manifests: Mapping[str, Manifest]) -> str:
    """The page as Markdown: training datasets and held-out datasets of the paper, and what explains its number."""
    paper = [manifest for _, manifest in sorted(manifests.items()) if manifest.table3]
    training = [manifest for manifest in paper if manifest.role == "train"]
    held_out = [manifest for manifest in paper if manifest.role == "held-out"]
    parts = [
        HEAD,
        _explanation(training),
        "\n## Training datasets\n",
        _table(training),
        "\n## Held-out datasets\n",
        _table(held_out),
    ]
    return "".join(parts)


def _explanation(training: Sequence[Manifest]) -> str:
    ours = sum(map(expected_counts.tasks, training))
    groups = [group for manifest in training for group in manifest.main_groups]
    volumes = sum(expected_counts.group_tasks(group) for group in groups if _is_sliced(group))
    builder = sum(manifest.table3.tasks or 0 for manifest in training if manifest.table3)
    both = ours + volumes
    return f"""
## The paper's {PAPER_TASKS:,} training tasks

Table 10 of the paper counts {PAPER_TASKS:,} tasks in its 46 training datasets. It does not list them by dataset.

| count | tasks |
| --- | ---: |
| here, as in the table below | {ours:,} |
| the builder's settings, as in the table below | {builder:,} |
| here, if the middle and the largest slices of volumes are counted as two tasks | {both:,} |
| the paper | {PAPER_TASKS:,} |

A likely reason is that the paper counts both kinds of slices (third row). Training code of the authors' group that was
published later lists its tasks with one row for each kind, so each label of a volume counts twice along each axis.
Here both kinds belong to one task, as in section A of the paper, where a task is dataset, modality, label and axis.
This would explain {both / PAPER_TASKS:.0%} of the number. The other {PAPER_TASKS - both:,} are not explained; they may
be labels that the authors made with FreeSurfer, or other versions of the datasets. Table 10 also has models of a single
dataset, with 25, 29 and 156 tasks; it does not name the datasets, and these numbers fit none of the table below with
certainty.

A figure like Figure 6 that is made with these stores must use the numbers of this page on its horizontal axis.
"""


def _table(manifests: Sequence[Manifest]) -> str:
    rows = [row for manifest in manifests for row in _rows(manifest)]
    total = sum(map(expected_counts.tasks, manifests))
    builder = sum(manifest.table3.tasks or 0 for manifest in manifests if manifest.table3)
    last = ["**all**", "", "", "", "", f"**{total:,}**", f"**{builder:,}**", ""]
    return TABLE + "".join(f"| {' | '.join(row)} |\n" for row in [*rows, last])


def _rows(manifest: Manifest) -> Iterator[list[str]]:
    """One row for each group; the first one also has the builder's number for the dataset."""
    facts = manifest.table3
    known = facts is not None and facts.tasks is not None
    builder = [f"{facts.tasks:,}" if facts and known else "unknown", (facts and facts.tasks_differ) or ""]
    for number, group in enumerate(manifest.main_groups):
        counts = len(expected_counts.labels(group)), len(expected_counts.modalities(group)), len(group.axes)
        shown = [
            manifest.name if number == 0 else "",
            group.name,
            *map(str, counts),
            f"{expected_counts.group_tasks(group):,}",
        ]
        yield [*shown, *(builder if number == 0 else ["", ""])]


def _is_sliced(group: Group) -> bool:
    """Whether its images are volumes, which have largest slices: they have several axes, or one that is not 0."""
    return group.axes != (0,)
