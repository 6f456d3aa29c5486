"""BBBC003: 8-bit TIFF with one-bit labels in CCITT compression, white is zero; the last picture lies on its side."""

from layouts.expected import FLAT, Case, Layout, flat
from layouts.writers import raster


def write(root):
    cases = []
    for name, shape in (("7_19_M1E18", FLAT), ("7_19_M2E2", FLAT), ("7_20_M3M9", FLAT[::-1])):
        image, masks = flat(name, ["embryo"], shape)
        raster(root / "mouse_embryos_dic_images" / f"{name}.tif", image, compression="packbits")
        label = root / "mouse_embryos_dic_foreground" / f"{name}.tif"
        raster(label, masks["embryo"], compression="tiff_ccitt", tiffinfo={262: 0})
        cases.append(Case("BBBC003", name, "microscopy", image, masks, "unit"))
    return Layout(cases)
