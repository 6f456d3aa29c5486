"""Folders of small pictures and volumes with bright discs, and a network that finds what is bright."""

import nibabel as nib
import numpy as np
from PIL import Image

from universeg.app.folder import open_folder
from universeg.app.session import Session


def disc(shape, row, column, radius):
    y, x = np.mgrid[: shape[0], : shape[1]]
    return (y - row) ** 2 + (x - column) ** 2 < radius**2


def picture(number, shape=(40, 56)):
    """Grey levels and mask of the picture with this number."""
    inside = disc(shape, 14 + number % 5 * 2, 20 + number * 3 % 17, 9)
    grey = np.random.default_rng(number).integers(20, 60, shape).astype(np.uint8)
    grey[inside] += 150
    return grey, inside


def write_pictures(folder, count=6, masks=0):
    """x0.png, x1.png, ... in `folder`, and masks of the first ones beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        grey, inside = picture(number)
        Image.fromarray(grey).save(folder / f"x{number}.png")
        if number < masks:
            Image.fromarray(inside.astype(np.uint8) * 255).save(folder / f"x{number}_mask.png")
    return folder


def write_volume(path, shape=(24, 30, 12), affine=None):
    """A bright ball in a volume; its values, in RAS+ order if the affine is diagonal."""
    x, y, z = np.indices(shape)
    ball = (x - 10) ** 2 + (y - 12) ** 2 + 4 * (z - 6) ** 2 < 64
    values = np.random.default_rng(1).integers(0, 80, shape).astype(np.int16) + 300 * ball.astype(np.int16)
    nib.save(nib.Nifti1Image(values, np.diag([1.0, 1.0, 3.0, 1.0]) if affine is None else affine), path)
    return ball


def bright(query, images, masks):
    """Stands for the network: logits by the grey level between that of the examples' inside and outside."""
    inside = (images * masks).sum() / masks.sum().clamp(min=1)
    outside = (images * (1 - masks)).sum() / (1 - masks).sum().clamp(min=1)
    return (query - (inside + outside) / 2) * 40


def session_of(folder):
    return Session(open_folder(folder))


def paint(session, key, values, row=0):
    """Paint a mask and add it as an example."""
    revision = session.mask(key, row).revision
    session.save_mask(key, row, values.astype(np.uint8), revision)
    session.mark(key, row, done=True, example=True)
