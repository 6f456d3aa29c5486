"""HMC-QU: videos with masks of one heart cycle in another size, a table of the cycles, videos without masks."""

import numpy as np

from layouts.expected import Case, Layout, fake_picture
from layouts.writers import excel, matlab, video

WALL = "left ventricle wall (myocardium)"
HEADING = ["ECHO", "Reference", "One cardiac-cycle frames", "", "LV Wall Ground-truth Segmentation Masks"]


def write(root):
    cases, rows = [], [["HMC-QU", "", "", "", ""], HEADING]
    for stem, first, last, tick in (
        ("ES0001 _4CH_1", 3, 5, "\u00fc"),
        ("ES00010 _4CH_1", 1, 2, "\u00fc"),
        ("ES0002 _4CH_1", 2, 4, ""),
        ("ES0003 _4CH_1", "", "", ""),
    ):
        shown = [fake_picture(f"{stem} {n}", [WALL], (24, 32)) for n in range(1, 7)]
        shown = [(image, _moved(masks[WALL], n)) for n, (image, masks) in enumerate(shown)]
        video(root / "HMC-QU" / "A4C" / f"{stem}.avi", [image for image, _ in shown])
        rows.append([stem, "x", first, last, tick])
        if tick:
            cycle = np.stack([mask[::3, ::4] for _, mask in shown[first - 1 : last]])  # (frames, 8, 8)
            matlab(root / "LV Ground-truth Segmentation Masks" / f"Mask_{stem}.mat", predicted=cycle.astype(np.uint8))
            for n in range(first - 1, last):
                image, mask = shown[n]
                covered = mask[::3, ::4].repeat(3, axis=0).repeat(4, axis=1)
                name = f"{stem.split()[0]}@{stem} {n}"
                cases.append(Case("A4C", name, "Ultrasound", image, {WALL: covered}, "unit"))
    excel(root / "A4C.xlsx", rows)
    excel(root / "A2C.xlsx", [HEADING])
    video(root / "HMC-QU" / "A2C" / "ES0001 _2CH_1.avi", [image])
    reported = {("A4C", f"ES0002@ES0002 _4CH_1 {n}"): "has no label" for n in (1, 2, 3)}
    return Layout(cases, {**reported, ("A4C", "ES0003@ES0003 _4CH_1 unknown"): "has no label"})


def _moved(mask, frame):
    """The wall moves, so each frame has another mask."""
    return np.roll(mask, (3 * (frame % 3 - 1), 4 * (frame % 2)), axis=(0, 1))
