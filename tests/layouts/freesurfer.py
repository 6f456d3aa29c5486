"""What FreeSurfer creates from a scan: conformed volumes and its numbered structures."""

from layouts.expected import Case, fake_volume, label_map, without
from layouts.writers import mgz

# From FreeSurferColorLUT.txt.
STRUCTURES = {
    2: "left cerebral white matter",
    3: "left cerebral cortex",
    4: "left lateral ventricle",
    5: "left inferior lateral ventricle",
    7: "left cerebellum white matter",
    8: "left cerebellum cortex",
    10: "left thalamus",
    11: "left caudate",
    12: "left putamen",
    13: "left pallidum",
    14: "3rd ventricle",
    15: "4th ventricle",
    16: "brain stem",
    17: "left hippocampus",
    18: "left amygdala",
    24: "CSF",
    26: "left accumbens area",
    28: "left ventral diencephalon",
    30: "left vessel",
    31: "left choroid plexus",
    41: "right cerebral white matter",
    42: "right cerebral cortex",
    43: "right lateral ventricle",
    44: "right inferior lateral ventricle",
    46: "right cerebellum white matter",
    47: "right cerebellum cortex",
    49: "right thalamus",
    50: "right caudate",
    51: "right putamen",
    52: "right pallidum",
    53: "right hippocampus",
    54: "right amygdala",
    58: "right accumbens area",
    60: "right ventral diencephalon",
    62: "right vessel",
    63: "right choroid plexus",
    72: "5th ventricle",
    77: "white matter hypointensities",
    80: "non-white-matter hypointensities",
    85: "optic chiasm",
    251: "corpus callosum posterior",
    252: "corpus callosum mid-posterior",
    253: "corpus callosum central",
    254: "corpus callosum mid-anterior",
    255: "corpus callosum anterior",
}
SHAPE = (21, 18, 19)


def recon(base, group, folder, name):
    """Write the folder of one subject below `base`; returns its two cases."""
    values = {label: value for value, label in STRUCTURES.items()}
    cases = []
    for kind, modality in (("orig", "T1"), ("norm", "skull-stripped-T1")):
        image, masks = fake_volume(f"{folder} {kind}", list(values), SHAPE, high=255)
        masks = without(masks, "5th ventricle", "left vessel")
        mgz(base / folder / "mri" / f"{kind}.mgz", image.astype("u1"))
        cases.append(Case(group, name, modality, image.astype("u1"), masks, "mr", (1, 1, 1)))
    labels = label_map(masks, values)
    labels[labels == 80] = 81  # as in old versions
    mgz(base / folder / "mri" / "aseg.mgz", labels)
    mgz(base / folder / "mri" / "orig" / "001.mgz", image.astype("u1"))
    mgz(base / folder / "mri" / "aparc+aseg.mgz", labels)
    return cases
