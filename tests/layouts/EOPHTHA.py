"""e-ophtha: examinations with several pictures, .JPG and .jpg, a Thumbs.db; healthy examinations have no masks."""

import numpy as np

from layouts.expected import Case, Layout, fake_picture
from layouts.writers import colour_channels, mac_junk, raster

# Group -> folder of pictures, label, and (examination, name of the picture, suffix).
PICTURES = {
    "e_optha_EX": (
        "EX",
        "exudates",
        [("E0019457", "C0001273", "jpg"), ("E0019457", "C0001274", "JPG"), ("E0043012", "C0009", "png")],
    ),
    "e_optha_MA": (
        "MA",
        "microaneurysms",
        [("E0000043", "DS000DGS", "JPG"), ("E0000043", "DS000DGU", "jpeg"), ("E0019457", "C0001273", "jpg")],
    ),
}


def write(root):
    cases = []
    for group, (folder, label, pictures) in PICTURES.items():
        for number, (exam, name, suffix) in enumerate(pictures):
            image, masks = fake_picture(f"{exam} {name}", ["exudates", "microaneurysms"], (24 + 4 * number, 30))
            raster(root / group / folder / exam / f"{name}.{suffix}", colour_channels(image), quality=95)
            end = "_EX" if folder == "EX" else ""
            mask = masks[label].astype(np.uint8) * 255
            raster(root / group / f"Annotation_{folder}" / exam / f"{name}{end}.png", mask)
            frame = f"{exam}@{name}"
            cases.append(Case(group, frame, "retinal", image, {label: masks[label]}, "unit", lossy=suffix != "png"))
        raster(root / group / "healthy" / "E0100000" / "C1.jpg", colour_channels(image))
    mac_junk(root / "e_optha_MA" / "MA" / "E0000043" / "Thumbs.db")
    return Layout(cases)
