"""TUCC: one HDF5 with all frames, clips of different lengths, ids that end with an underscore."""

import numpy as np

from layouts.expected import Case, Layout, fake_picture
from layouts.writers import hdf5, text

# Clip, number of frames, and the (at most five) frames that are used.
CLIPS = (("1_", 9, (0, 2, 4, 6, 8)), ("103_", 3, (0, 1, 2)), ("12_", 5, (0, 1, 2, 3, 4)))


def write(root):
    arrays = {"image": [], "mask": [], "annot_id": [], "frame_num": []}
    cases = []
    for clip, count, chosen in CLIPS:
        for number in range(count):
            image, masks = fake_picture(f"TUCC {clip} {number}", ["thyroid nodule"])
            if number in chosen:
                subject = f"{clip.rstrip('_')}@{len(arrays['image'])}"
                cases.append(Case("TUCC", subject, "ultrasound", image, masks, "unit"))
            arrays["image"].append(image)
            arrays["mask"].append(masks["thyroid nodule"].astype(np.uint8) * 255)
            arrays["annot_id"].append(clip.encode())
            arrays["frame_num"].append(number)
    folder = root / "thyroidultrasoundcineclip"
    hdf5(folder / "dataset.hdf5", **{name: np.array(values) for name, values in arrays.items()})
    text(folder / "metadata.csv", "annot_id,age\n1_,50\n103_,60\n12_,70\n")
    return Layout(cases)
