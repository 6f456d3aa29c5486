"""Plots of an evaluation: the distribution of Dice over queries, and Dice against support size."""

from itertools import cycle

from matplotlib.figure import Figure
from matplotlib.patches import Patch

from universeg.base.contact_sheet import COLOURS
from universeg.episodes.dice import Mean
from universeg.evaluation.result import ALL, Result

MAX_WIDTH = 60  # inches
COLUMNS = 3  # plots side by side
Rgb = tuple[float, float, float]
PALETTE: list[Rgb] = [(red / 255, green / 255, blue / 255) for red, green, blue in COLOURS]
STYLES = ["solid", "dashed", "dotted", "dashdot"]


def box_plot(result: Result) -> Figure:
    """For each dataset, network and support size: median, quartiles and 5 % to 95 % of the Dice of the queries.

    The ensemble size is the largest one.
    """
    largest = max(each.ensemble for each in result.scores)
    configurations = [each for each in result.scores if each.ensemble == largest]
    names, colours, step = result.datasets_and_rows, _colours(result), len(configurations) + 1
    figure = Figure(figsize=(min(MAX_WIDTH, 4 + 0.35 * step * len(names)), 4.5), layout="constrained")
    axes = figure.subplots()
    for number, each in enumerate(configurations):
        boxes = axes.boxplot(
            [[score.dice for score in result.select(name, result.scores[each])] for name in names],
            positions=[step * place + number for place in range(len(names))],
            widths=0.8,
            whis=(5, 95),
            flierprops={"marker": ".", "markersize": 2},
            medianprops={"color": "black"},
            patch_artist=True,
            manage_ticks=False,
        )
        for box in boxes["boxes"]:
            box.set_facecolor(colours[each.weights])
    axes.set_xticks([step * place + (len(configurations) - 1) / 2 for place in range(len(names))], names)
    axes.tick_params(axis="x", rotation=30 if len(names) > 4 else 0)
    axes.set(ylim=(-2, 102), ylabel="Dice of a query")
    axes.grid(axis="y", alpha=0.3)
    sizes = list(dict.fromkeys(each.support_size for each in configurations))
    order = " from left to right" if len(sizes) > 1 else ""
    title = f"support size N = {', '.join(map(str, sizes))}{order}; ensemble size K = {largest}"
    figure.suptitle(title, fontsize="medium")
    patches = [Patch(facecolor=colour, label=name) for name, colour in colours.items()]
    figure.legend(handles=patches, loc="outside lower center")
    return figure


def support_size_plot(result: Result) -> Figure:
    """Mean Dice with standard deviation against N, over all datasets and for each; a line per network and K."""
    names, colours = [ALL, *result.datasets_and_rows], _colours(result)
    styles = dict(zip({each.ensemble: None for each in result.scores}, cycle(STYLES), strict=False))
    rows = -(-len(names) // COLUMNS)
    figure = Figure(figsize=(4 * COLUMNS, 3 * rows + 0.5), layout="constrained")
    grid = figure.subplots(rows, COLUMNS, squeeze=False, sharex=True)
    for axes in grid.flat[len(names) :]:
        axes.remove()
    for axes, name in zip(grid.flat, names, strict=False):
        for (weights, ensemble), points in _lines(result, name).items():
            sizes, means = zip(*sorted(points.items()), strict=True)
            axes.errorbar(
                sizes,
                [mean.dice for mean in means],
                [mean.standard_deviation for mean in means],
                label=f"{weights}, K = {ensemble}",
                color=colours[weights],
                linestyle=styles[ensemble],
                marker="o",
                capsize=2,
            )
        axes.set_xscale("log", base=2)
        axes.set_xticks(sizes, map(str, sizes))
        axes.set(title=name, xlabel="support size N", ylabel="Dice")
        axes.grid(alpha=0.3)
    figure.legend(*grid.flat[0].get_legend_handles_labels(), loc="outside lower center", ncols=COLUMNS)
    return figure


def _lines(result: Result, name: str) -> dict[tuple[str, int], dict[int, Mean]]:
    """For each network and ensemble size, the mean at each support size."""
    lines = dict[tuple[str, int], dict[int, Mean]]()
    for each, found in result.averages.items():
        mean = found.all if name == ALL else found.datasets_and_rows[name]
        lines.setdefault((each.weights, each.ensemble), {})[each.support_size] = mean
    return lines


def _colours(result: Result) -> dict[str, Rgb]:
    """A colour for each network."""
    return dict(zip({each.weights: None for each in result.scores}, cycle(PALETTE), strict=False))
