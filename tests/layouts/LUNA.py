"""LUNA16: raw images and compressed masks with the same long names, one mask in another orientation, one no trachea."""

from layouts.expected import Case, Layout, fake_volume, label_map, without
from layouts.writers import itk, text

VALUES = {"left lung": 3, "right lung": 4, "trachea": 5}
SPACING = (0.7, 0.7, 1.25)
UID = "1.3.6.1.4.1.14519.5.2.1.6279.6001."


def write(root):
    cases = []
    for subset, number, orientation in (
        (0, "105756658031515062000744821260", "LPS"),
        (0, "108197895896446896160048741492", "LPS"),
        (8, "111172165674661221381920536987", "RAS"),
        (9, "122763913896761494371822656720", "LPS"),
    ):
        name = UID + number
        image, masks = fake_volume(name, list(VALUES), low=-1024, high=1400)
        masks = without(masks, "trachea") if subset == 9 else masks
        itk(root / f"subset{subset}" / f"{name}.mhd", image, SPACING, orientation)
        mask = root / "seg-lungs-LUNA16" / f"{name}.mhd"
        itk(mask, label_map(masks, VALUES), SPACING, orientation, compressed=True)
        assert mask.with_suffix(".zraw").exists()
        cases.append(Case("retrieved_2022_02_21", name, "CT", image, masks, "ct", SPACING))
    text(root / "annotations.csv", "seriesuid,coordX,coordY,coordZ,diameter_mm\n")
    text(root / "candidates.csv", "seriesuid,coordX,coordY,coordZ,class\n")
    return Layout(cases)
