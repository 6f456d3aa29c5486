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
    builder_both = round(sum(map(_builder_with_both_slices, training)))
    thrice = both + 2 * sum(
        expected_counts.group_tasks(group) * (3 // len(group.axes) - 1) for group in groups if _is_sliced(group)
    )
    return f"""
## The paper's {PAPER_TASKS:,} training tasks

Table 10 of the paper counts {PAPER_TASKS:,} tasks in its 46 training datasets. It does not list them by dataset.

| count | tasks |
| --- | ---: |
| here, as in the table below | {ours:,} |
| the builder's settings, as in the table below | {builder:,} |
| here, if the middle and the largest slices of volumes are counted as two tasks | {both:,} |
| the builder's settings, counted in the same way | {builder_both:,} |
| the paper | {PAPER_TASKS:,} |

A likely reason is that the paper counts both kinds of slices. Training code of the authors' group that was published
later lists its tasks with one row for each kind, so each label of a volume counts twice along each axis. Here both
kinds belong to one task, as in section A of the paper, where a task is dataset, modality, label and axis. With our
labels this would explain {both / PAPER_TASKS:.0%} of the number, with the builder's {builder_both / PAPER_TASKS:.0%}.

What the rest is, {PAPER_TASKS - both:,} tasks or more, is not known. (More, because two releases of one dataset are
counted, of which a copy has one.)

- All volumes cut along all three axes would add only {thrice - both:,} to the third row: axes are not the reason.
- Table 3 of the paper has fewer modalities than the table below, not more.
- Labels that the authors made with FreeSurfer, and other versions of the datasets, can have more labels. The paper
  names neither their labels nor their versions.
- Table 10 has models of a single dataset, with 25, 29 and 156 tasks. None of the table below has these numbers, also
  not counted twice. 25 and 29 are multiples of neither 2 nor 3, so they are no product with two slices or three axes.
  Most likely the paper counts what is left when labels in too few scans are left out; that makes numbers smaller.

A figure like Figure 6 that is made with these stores must use the numbers of this page on its horizontal axis.
"""


def _builder_with_both_slices(manifest: Manifest) -> float:
    """The builder's number of tasks, with those of volumes counted twice; their share is the one here."""
    volumes = sum(expected_counts.group_tasks(group) for group in manifest.main_groups if _is_sliced(group))
    share = volumes / max(1, expected_counts.tasks(manifest))
    return (manifest.table3.tasks or 0 if manifest.table3 else 0) * (1 + share)


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
