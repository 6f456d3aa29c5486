"""The figures show the numbers that they are given."""

import numpy as np
from matplotlib.colors import to_rgb

from universeg.experiments import figures
from universeg.experiments.log_fit import log_fit
from universeg.experiments.tables import Number


def test_bars_have_the_height_of_the_numbers():
    cells = {"one": {"A": Number(30, 2), "B": Number(50, 1)}, "other": {"B": Number(70)}}
    (axes,) = figures.bars(cells, ["A", "B"]).axes
    assert sorted(bar.get_height() for bar in axes.patches) == [30, 50, 70]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["A", "B"]
    places = {bar.get_height(): bar.get_x() + bar.get_width() / 2 for bar in axes.patches}
    assert places[50] < 1 < places[70], "side by side"
    assert axes.get_ylim() == (0, 100)


def test_curves_go_through_the_numbers():
    lines = {"K = 1": {1: Number(20, 3), 4: Number(40, 1), 2: Number(30, 2)}}
    (axes,) = figures.curves(lines, "N").axes
    assert axes.lines[0].get_xydata().tolist() == [[1, 20], [2, 30], [4, 40]]
    assert axes.get_xscale() == "log"
    (banded,) = figures.curves(lines, "N", band=True).axes
    (band,) = banded.collections
    edges = band.get_paths()[0].vertices
    assert (edges[:, 1].min(), edges[:, 1].max()) == (17, 41)


def test_boxes_are_grouped_by_support_size():
    (axes,) = figures.boxes({2: {1: [1, 2, 3], 4: [5, 6, 7]}, 1: {1: [0, 1, 2], 4: [3, 4, 5]}}).axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["N = 1", "N = 2"]
    medians = [
        line.get_ydata()[0] for line in axes.lines if len(set(line.get_ydata())) == 1 and len(line.get_ydata()) == 2
    ]
    assert {1, 2, 4, 6} <= set(medians)
    assert len(axes.patches) == 4


def test_points_are_the_networks():
    points = [(25, 30.0), (100, 45.0), (4000, 70.0)]
    (axes,) = figures.points_with_fit(points, log_fit(*zip(*points, strict=True))).axes
    np.testing.assert_array_equal(axes.collections[-1].get_offsets(), points)
    assert axes.get_xscale() == "log"
    assert len(figures.points_with_fit(points, None).axes[0].lines) == 0


def test_heat_maps_have_n_to_the_right_and_m_downwards():
    figure = figures.heat_maps({"D": {(1, 1): 10, (1, 4): 20, (8, 1): 30, (8, 4): 40}, "E": {(1, 1): 5}})
    first, second = figure.axes
    np.testing.assert_array_equal(first.images[0].get_array(), [[10, 30], [20, 40]])
    assert [label.get_text() for label in first.get_xticklabels()] == ["1", "8"]
    assert second.get_title() == "E"
    assert {text.get_text() for text in first.texts} == {"10", "20", "30", "40"}
    assert first.get_ylabel() == "M in inference"


def test_lines_stay_apart_however_many_there_are():
    for count in (7, 8, 16, 30):
        lines = {f"task {number}": {1: Number(number, 1), 2: Number(number, 1)} for number in range(count)}
        (axes,) = figures.curves(lines, "N", band=True).axes
        drawn = [line for line in axes.lines if line.get_label().startswith("task")]
        colours = np.array([to_rgb(line.get_color()) for line in drawn])
        apart = np.abs(colours[:, None] - colours).sum(axis=2)[np.triu_indices(count, 1)]
        assert apart.min() > 0.05
        assert len({(line.get_linestyle(), line.get_marker()) for line in drawn}) == count
