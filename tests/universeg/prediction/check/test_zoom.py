"""Whether a folder of images that show another zoom than the examples is told, and good folders are not."""

import numpy as np
import pytest

from universeg.prediction.check.zoom import LEAST, Views, zoom_findings

SIZE = 64
WHOLE = np.ones((SIZE, SIZE), bool)


def tissue(seed, zoom=1.0):
    """Noise without details finer than 8 pixels times the zoom."""
    noise = np.random.default_rng(seed).normal(0, 1, (SIZE, SIZE))
    cycles = np.hypot(*np.meshgrid(np.fft.fftfreq(SIZE), np.fft.fftfreq(SIZE)))
    smooth = np.fft.ifft2(np.fft.fft2(noise) / (1 + (8 * zoom * cycles) ** 4)).real
    return (128 + 40 * smooth / smooth.std()).clip(0, 255).astype(np.uint8)


def views(zoom, first, count=12):
    return [Views.of(tissue(seed, zoom), WHOLE) for seed in range(first, first + count)]


@pytest.mark.parametrize(("zoom", "word"), [(2.0, "larger"), (0.5, "smaller")])
def test_another_zoom_is_told_with_its_direction(zoom, word):
    (finding,) = zoom_findings(views(zoom, 100), views(1.0, 0))
    assert f"as at another zoom: what they show is probably {word};" in str(finding)


def test_the_same_zoom_is_not_told():
    found = [
        zoom_findings(views(zoom, 100 * draw, 10), views(zoom, 100 * draw + 50, 8))
        for draw in range(12)
        for zoom in (1.0, 2.0)
    ]
    assert not any(found)


def test_images_of_many_zooms_are_not_told():
    zooms = np.random.default_rng(7).uniform(0.6, 1.7, (20, 14))
    for draw, of_draw in enumerate(zooms):
        mixed = [Views.of(tissue(100 * draw + at, zoom), WHOLE) for at, zoom in enumerate(of_draw)]
        assert zoom_findings(mixed[:7], mixed[7:]) == []


def test_few_images_or_few_examples_say_nothing():
    few = views(2.0, 100, LEAST - 1)
    assert zoom_findings(few, views(1.0, 0)) == []
    assert zoom_findings(views(1.0, 0), few) == []
    assert zoom_findings(views(2.0, 100, LEAST), views(1.0, 0))


def test_padding_does_not_count_and_strips_are_not_compared():
    region = np.zeros((SIZE, SIZE), bool)
    region[8:56] = True
    padded = np.where(region, tissue(1), 0).astype(np.uint8)
    grey = np.where(region, tissue(1), 128).astype(np.uint8)
    one, other = Views.of(padded, region), Views.of(grey, region)
    assert np.array_equal(one.whole, other.whole)
    assert np.array_equal(one.centre, other.centre)
    region[20:] = False
    assert Views.of(padded, region) is None
