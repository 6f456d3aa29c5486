"""Plots of an evaluation: how Dice is spread over queries, and how it grows with the support."""

from itertools import cycle

from matplotlib.figure import Figure
from matplotlib.patches import Patch

from universeg.evaluation_config import Contender
from universeg.evaluation_tables import ALL, Result, titles
from universeg.metrics import Mean
from universeg.picture import COLOURS

WIDEST = 60  # inches of a plot
COLUMNS = 3  # of plots beside each other
INKS = [(red / 255, green / 255, blue / 255) for red, green, blue in COLOURS]


def boxes(result: Result) -> Figure:
    """For each dataset and contender the median, quartiles and 5 % to 95 % of the Dice of its queries."""
    contenders, names = list(result.scores), result.datasets
    step = len(contenders) + 1.0
    figure = Figure(figsize=(min(WIDEST, 3 + 0.35 * step * len(names)), 4.5), layout="constrained")
    axes = figure.subplots()
    for number, (contender, ink) in enumerate(zip(contenders, cycle(INKS), strict=False)):
        values = [[score.dice for score in result.scores[contender] if score.task.dataset == name] for name in names]
        drawn = axes.boxplot(
            values,
            positions=[step * place + number for place in range(len(names))],
            widths=0.8,
            whis=(5, 95),
            flierprops={"marker": ".", "markersize": 2},
            medianprops={"color": "black"},
            patch_artist=True,
            manage_ticks=False,
        )
        for box in drawn["boxes"]:
            box.set_facecolor(ink)
    axes.set_xticks([step * place + (len(contenders) - 1) / 2 for place in range(len(names))], names)
    axes.tick_params(axis="x", rotation=30 if len(names) > 4 else 0)
    axes.set(ylim=(-2, 102), ylabel="Dice of a query")
    axes.grid(axis="y", alpha=0.3)
    if len(contenders) > 1:
        patches = [
            Patch(facecolor=ink, label=title) for title, ink in zip(titles(contenders), cycle(INKS), strict=False)
        ]
        figure.legend(handles=patches, loc="outside upper center", ncols=3)
    return figure


def against_support_size(result: Result) -> Figure:
    """Mean Dice against N, over all datasets and for each, with its deviation; a line for each network and K."""
    names = [ALL, *result.datasets]
    rows = -(-len(names) // COLUMNS)
    figure = Figure(figsize=(4 * COLUMNS, 3 * rows + 0.5), layout="constrained")
    grid = figure.subplots(rows, COLUMNS, squeeze=False, sharex=True)
    for axes in grid.flat[len(names) :]:
        axes.remove()
    for axes, name in zip(grid.flat, names, strict=False):
        for (label, points), ink in zip(_lines(result, name).items(), cycle(INKS), strict=False):
            sizes, means = zip(*sorted(points.items()), strict=True)
            spread = [mean.deviation for mean in means]
            axes.errorbar(sizes, [mean.dice for mean in means], spread, label=label, color=ink, marker="o", capsize=2)
        axes.set_xscale("log", base=2)
        axes.set_xticks(sizes, map(str, sizes))
        axes.set(title=name, xlabel="support size N", ylabel="Dice")
        axes.grid(alpha=0.3)
    handles, labels = grid.flat[0].get_legend_handles_labels()
    if len(labels) > 1:
        figure.legend(handles, labels, loc="outside upper center", ncols=3)
    return figure


def _lines(result: Result, name: str) -> dict[str, dict[int, Mean]]:
    """For each network and ensemble size, the mean at each support size."""
    alike = {each: Contender(each.weights, 0, each.ensemble) for each in result.averages}
    label = dict(zip(alike, titles(list(alike.values())), strict=True))
    lines = dict[str, dict[int, Mean]]()
    for each, found in result.averages.items():
        mean = found.all if name == ALL else found.datasets[name]
        lines.setdefault(label[each], {})[each.support_size] = mean
    return lines
