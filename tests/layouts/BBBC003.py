"""BBBC003: 8-bit TIFF, one-bit labels in CCITT compression where white is zero; the last picture is landscape."""

from layouts.expected import PICTURE_SHAPE, Case, Layout, fake_picture
from layouts.writers import raster


def write(root):
    cases = []
    for name, shape in (
        ("7_19_M1E18", PICTURE_SHAPE),
        ("7_19_M2E2", PICTURE_SHAPE),
        ("7_20_M3M9", PICTURE_SHAPE[::-1]),
    ):
        image, masks = fake_picture(name, ["embryo"], shape)
        raster(root / "mouse_embryos_dic_images" / f"{name}.tif", image, compression="packbits")
        label = root / "mouse_embryos_dic_foreground" / f"{name}.tif"
        raster(label, masks["embryo"], compression="tiff_ccitt", tiffinfo={262: 0})
        cases.append(Case("BBBC003", name, "microscopy", image, masks, "unit"))
    return Layout(cases)
