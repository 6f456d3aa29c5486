"""Numbers by which two copies of an image are recognised, although intensity, orientation or position differ.

`fingerprint` is for searching: the same for an image and its mirror images, quarter turns and small shifts. `alignment`
is for checking a pair that the search found: the correlation of fine structure in the best orientation and shift.
Both first make the image 64 x 64 and equalise its histogram, so that a change of brightness or contrast has no effect.
A library such as imagehash compares 64 bits, which is too few here: slices of one organ of different people differ in
fine structure only.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import fft

from universeg.store import Pixels

SIDE = 64
MOST_SHARE = 4 / 256  # of the histogram that one intensity counts for; keeps noise in flat regions small
FREQUENCIES = 10  # cycles per image, up to which the fingerprint looks
FLOOR = 4.0  # power that noise has; smaller powers count as equal
FINE, COARSE = 1.0, 3.0  # pixels of 64: structure between these sizes is compared in `alignment`
MOST_SHIFT = 4  # pixels of 64
LEAST_CONTRAST = 0.02  # standard deviation of an equalised image that has anything to compare

Array = NDArray[np.float32]
Spectra = NDArray[np.complex64]


def equalised(image: Pixels) -> Array:
    """The image as (64, 64) in [0, 1], with intensities replaced by their ranks."""
    small = np.asarray(Image.fromarray(np.ascontiguousarray(image)).resize((SIDE, SIDE), Image.Resampling.BOX))
    counts = np.minimum(np.bincount(small.ravel(), minlength=256), MOST_SHARE * small.size)
    ranks = (np.cumsum(counts) - counts / 2) / counts.sum()
    replaced: Array = ranks.astype(np.float32)[small]
    return replaced


def fingerprint(image: Pixels) -> Array | None:
    """A vector of the image; None if the image is too flat to be compared.

    It is the power of the spatial frequencies, which a shift does not change. Mirroring and turning exchange the four
    frequencies (a, b), (a, -b), (b, a), (b, -a); their mean and spread stay the same.
    """
    ranks = equalised(image)
    if ranks.std() < LEAST_CONTRAST:
        return None
    power = np.log(np.abs(fft.fft2((ranks - ranks.mean()) * _window())) ** 2 + FLOOR)
    first, second = _frequencies()
    four = np.stack([power[first, second], power[first, -second], power[second, first], power[second, -first]])
    return np.concatenate([four.mean(axis=0), four.std(axis=0)]).astype(np.float32)


def spectrum(image: Pixels) -> Spectra:
    """The spectrum (64, 33) of the image's fine structure."""
    found: Spectra = _normalised(_weighted(image)[None])[0]
    return found


def orientations(image: Pixels) -> Spectra:
    """Spectra (8, 64, 33) of the image's fine structure, mirrored and turned in all eight ways; first as it is."""
    weighted = _weighted(image)
    return _normalised(np.stack([np.rot90(one, turns) for one in (weighted, weighted[:, ::-1]) for turns in range(4)]))


def alignment(one: Spectra, other: Spectra) -> float:
    """The largest correlation, from 0 to 1, of one image in any orientation with another in any small shift.

    They are what `orientations` returns of one and `spectrum` of the other; it does not matter which. A negative image
    counts like a positive one.
    """
    rows, columns = _small_shifts()
    return float(np.abs((rows @ (one * np.conj(other)) @ columns).real).max())


def _weighted(image: Pixels) -> Array:
    ranks = equalised(image)
    weighted: Array = (ranks - ranks.mean()) * _window()
    return weighted


def _normalised(images: Array) -> Spectra:
    """Spectra of images (n, 64, 64) that are one image in n orientations; its correlation with itself is 1."""
    spectra = fft.rfft2(images) * _fine_structure()
    energy = np.sqrt((fft.irfft2(spectra[0], (SIDE, SIDE)) ** 2).sum())
    normalised: Spectra = (spectra / max(float(energy), 1e-9)).astype(np.complex64)
    return normalised


@cache
def _small_shifts() -> tuple[Spectra, Spectra]:
    """Two matrices: rows (9, 64) @ spectrum (64, 33) @ columns (33, 9) is the inverse transform at shifts up to 4.

    It is a part of `irfft2`, and much faster. Frequencies that a spectrum of real numbers omits count twice.
    """
    shifts, frequencies = np.arange(-MOST_SHIFT, MOST_SHIFT + 1), np.arange(SIDE)
    waves = np.exp(2j * np.pi * np.outer(shifts, frequencies) / SIDE) / SIDE
    half = waves[:, : SIDE // 2 + 1].copy()
    half[:, 1:-1] *= 2
    return waves.astype(np.complex64), half.T.astype(np.complex64)


@cache
def _window() -> Array:
    """Weights that fall to 0 at the border, so that what a shift moves across the border has no effect."""
    place = np.linspace(0, 1, SIDE + 2)[1:-1]
    rise = np.sin(np.minimum(1, 5 * np.minimum(place, 1 - place)) * np.pi / 2) ** 2
    return np.outer(rise, rise).astype(np.float32)


@cache
def _frequencies() -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    pairs = [(a, b) for a in range(FREQUENCIES + 1) for b in range(a, FREQUENCIES + 1)]
    inside = [(a, b) for a, b in pairs if 0 < a**2 + b**2 <= 1.2 * FREQUENCIES**2]
    first, second = np.array(inside).T
    return first, second


@cache
def _fine_structure() -> Array:
    """The difference of two Gaussian filters, by frequency (64, 33)."""
    squared = np.fft.fftfreq(SIDE)[:, None] ** 2 + np.fft.rfftfreq(SIDE)[None] ** 2
    fine, coarse = (np.exp(-2 * (np.pi * size) ** 2 * squared) for size in (FINE, COARSE))
    return (fine - coarse).astype(np.float32)
