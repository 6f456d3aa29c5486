"""The figures of experiments, as the paper draws them: bars, curves, boxes, points with a fit, and heat maps."""

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from universeg.evaluation.plots import PALETTE, STYLES
from universeg.experiments.log_fit import LogFit
from universeg.experiments.tables import Cells, Number

SIZE = (7.0, 4.2)  # inches
MARKERS = "osD^vPX*p"  # as many as share no factor with the number of STYLES, so that both together repeat late


def bars(cells: Cells, columns: Sequence[str]) -> Figure:
    """Figure 4: for each dataset a group of bars, one for each method; error bars are standard deviations."""
    figure, axes = _axes()
    width = 0.8 / max(1, len(cells))
    for number, ((row, numbers), colour) in enumerate(zip(cells.items(), cycle(PALETTE), strict=False)):
        places = [place for place, column in enumerate(columns) if column in numbers]
        found = [numbers[columns[place]] for place in places]
        at = np.array(places) + (number - (len(cells) - 1) / 2) * width
        heights, spreads = [each.value for each in found], [each.spread or 0 for each in found]
        axes.bar(at, heights, width, yerr=spreads, label=row, color=colour, capsize=2, error_kw={"linewidth": 0.8})
    axes.set_xticks(range(len(columns)), columns, rotation=20 if len(columns) > 4 else 0)
    axes.set(ylabel="Dice", ylim=(0, 100))
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
    figure.legend(loc="outside upper center", ncols=max(1, min(5, len(cells))), fontsize="small")
    return figure


def curves(lines: Mapping[str, Mapping[int, Number]], label: str, band: bool = False) -> Figure:
    """Figures 7 and 8: Dice against a support size on a logarithmic axis, one line for each name.

    Standard deviations are error bars, or a `band` around the line.
    """
    figure, axes = _axes()
    looks = zip(_colours(len(lines)), cycle(STYLES), cycle(MARKERS), strict=False)
    for (name, points), (colour, style, marker) in zip(lines.items(), looks, strict=True):
        sizes = sorted(points)
        means, spreads = (np.array([getattr(points[n], part) or 0 for n in sizes]) for part in ("value", "spread"))
        axes.plot(sizes, means, label=name, color=colour, linestyle=style, marker=marker, markersize=5)
        if band:
            axes.fill_between(sizes, means - spreads, means + spreads, color=colour, alpha=0.2, linewidth=0)
        else:
            axes.errorbar(sizes, means, spreads, color=colour, linestyle="none", capsize=2)
    _log_axis(axes, sorted({size for points in lines.values() for size in points}))
    axes.set(xlabel=label, ylabel="Dice")
    axes.grid(alpha=0.3)
    long = max(map(len, lines), default=0) > 12  # names of tasks would take half of the width at the right
    figure.legend(
        loc="outside lower center" if long else "outside right upper", ncols=2 if long else 1, fontsize="small"
    )
    return figure


def boxes(groups: Mapping[int, Mapping[int, Sequence[float]]]) -> Figure:
    """Figure 9: for each support size N a group of boxes, one for each ensemble size K, of the means of repetitions."""
    figure, axes = _axes()
    counts = sorted({count for group in groups.values() for count in group})
    colours = dict(zip(counts, cycle(PALETTE), strict=False))
    place, ticks = 0.0, dict[str, float]()
    for size, group in sorted(groups.items()):
        first = place
        for count, means in sorted(group.items()):
            drawn = axes.boxplot(
                [list(means)], positions=[place], widths=0.8, patch_artist=True, manage_ticks=False,
                medianprops={"color": "black"}, flierprops={"marker": ".", "markersize": 2},
            )  # fmt: skip
            drawn["boxes"][0].set_facecolor(colours[count])
            place += 1
        ticks[f"N = {size}"] = (first + place - 1) / 2
        place += 1
    axes.set_xticks(list(ticks.values()), list(ticks))
    axes.set(ylabel="mean Dice of a repetition")
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
    for count, colour in colours.items():
        axes.plot([], [], color=colour, linewidth=6, label=f"K = {count}")
    figure.legend(loc="outside right upper", fontsize="small")
    return figure


def points_with_fit(points: Sequence[tuple[float, float]], fit: LogFit | None) -> Figure:
    """Figure 6: a point for each network, at its number of training tasks, with a logarithmic fit and its interval."""
    figure, axes = _axes()
    if fit:
        axes.fill_between(fit.x, fit.low, fit.high, color=PALETTE[1], alpha=0.25, linewidth=0, label="95 % interval")
        axes.plot(fit.x, fit.y, color=PALETTE[1], label=str(fit))
    tasks, means = zip(*points, strict=True)
    axes.scatter(tasks, means, color="black", s=14, zorder=3, label="a network")
    axes.set(xlabel="training tasks", ylabel="Dice", xscale="log")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    return figure


def heat_maps(cells: Mapping[str, Mapping[tuple[int, int], float]]) -> Figure:
    """Figure 13: for each dataset a map of Dice; N of training to the right, M of inference downwards."""
    columns = min(3, len(cells))
    rows = -(-len(cells) // columns)
    figure = Figure(figsize=(3.6 * columns, 3.3 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat[len(cells) :]:
        axes.remove()
    for axes, (dataset, found) in zip(grid.flat, cells.items(), strict=False):
        trained, used = (sorted({pair[place] for pair in found}) for place in (0, 1))
        values = np.array([[found.get((n, m), np.nan) for n in trained] for m in used])
        axes.imshow(values, cmap="viridis", aspect="auto")
        for (row, column), value in np.ndenumerate(values):
            light = value < np.nanmean(values)
            axes.text(column, row, f"{value:.0f}", ha="center", va="center", color="white" if light else "black")
        axes.set_xticks(range(len(trained)), map(str, trained))
        axes.set_yticks(range(len(used)), map(str, used))
        axes.set(title=dataset, xlabel="N in training", ylabel="M in inference")
    return figure


def _colours(count: int) -> Sequence[tuple[float, ...]]:
    """Colours of lines that are all different; of the rainbow, if there are more lines than the palette has."""
    if count <= len(PALETTE):
        return PALETTE[:count]
    return [tuple(colour) for colour in colormaps["turbo"](np.linspace(0.03, 0.97, count))]


def _axes() -> tuple[Figure, Axes]:
    figure = Figure(figsize=SIZE, layout="constrained")
    return figure, figure.subplots()


def _log_axis(axes: Axes, sizes: Sequence[int]) -> None:
    axes.set_xscale("log", base=2)
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.minorticks_off()
