import numpy as np
from PIL import Image

from universeg.prediction.report.preview import picture_preview, volume_preview, write_preview

YELLOW = [(255, 176, 0)]


def test_a_picture_keeps_its_colours_and_its_size():
    values = np.zeros((300, 400, 4), np.uint8)
    values[..., 0] = 200  # red; the fourth channel is opacity
    numbers = np.zeros((300, 400), np.uint8)
    numbers[100:200, 100:200] = 1
    shown = picture_preview(values, numbers, YELLOW)
    assert shown.size == (400, 300)
    assert shown.getpixel((10, 10)) == (200, 0, 0)
    assert shown.getpixel((150, 150)) == (200, 0, 0), "outlined, not filled"
    red, green, _ = shown.getpixel((150, 100))
    assert red > 220
    assert green > 120


def test_large_pictures_are_reduced_and_small_ones_enlarged():
    for high, wide, size in ((1000, 2000, (640, 320)), (32, 64, (256, 128))):
        shown = picture_preview(np.arange(high * wide).reshape(high, wide), np.zeros((high, wide), np.uint8), YELLOW)
        assert shown.size == size


def test_a_volume_is_a_montage_in_true_proportions():
    values = np.random.default_rng(0).normal(100, 20, (20, 40, 30))
    numbers = np.zeros(values.shape, np.uint8)
    numbers[5:15, 10:30, 4:10] = 1
    shown = volume_preview(values, numbers, 2, (2.0, 1.0, 5.0), (0, 200), YELLOW)
    assert shown.size == (4 * 160 + 3 * 4, 2 * 160 + 4), "six slices of 40 x 40 mm, with the front up"
    flat = volume_preview(values, numbers, 2, (1.0, 1.0, 5.0), (0, 200), YELLOW)
    assert flat.size == (4 * 80 + 3 * 4, 2 * 160 + 4)
    assert volume_preview(values, numbers * 0, 2, (1.0, 1.0, 5.0), (0, 200), YELLOW).size[1] == 3 * 160 + 2 * 4


def test_it_is_written_as_jpeg(tmp_path):
    write_preview(tmp_path / "previews/a.jpg", Image.new("RGB", (4, 4)))
    with Image.open(tmp_path / "previews/a.jpg") as written:
        assert written.format == "JPEG"
