"""Grey images with the outlines of masks, and contact sheets of them. This file does not import torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Grey = NDArray[np.uint8]
Colour = tuple[int, int, int]

# Distinct from each other, also for colour-blind readers, and from grey; after Okabe and Ito.
COLOURS: tuple[Colour, ...] = (
    (255, 176, 0),
    (86, 190, 245),
    (226, 105, 180),
    (0, 190, 140),
    (240, 228, 66),
    (225, 90, 0),
    (70, 120, 255),
)
# From low to high probability. Brightness rises, so the order is also visible in a grey print.
HEAT: tuple[Colour, ...] = ((40, 10, 90), (140, 40, 130), (225, 85, 75), (252, 165, 60), (252, 240, 160))
LINE_WIDTH = 1.7  # of an outline, in pixels of the picture
TEXT_COLOUR, CAPTION_COLOUR, PAPER = (25, 25, 30), (100, 100, 108), (255, 255, 255)
GAP, MARGIN = 8, 16
TITLE_SIZE, TEXT_SIZE = 17, 12


@dataclass(frozen=True)
class Panel:
    """One image of a sheet and the caption under it."""

    image: Image.Image
    caption: str = ""


def outlined(
    image: Grey, masks: Mapping[str, NDArray[np.bool_]], side: int = 256, colours: Sequence[Colour] = COLOURS
) -> Image.Image:
    """The image enlarged or reduced to `side` pixels on its longer side, with each mask (H, W) outlined.

    The image is grey, (H, W), or in colour, (H, W, 3).

    The n-th mask has the n-th of `colours`; after the last colour they start again. Raises ValueError if the image is
    not uint8, or if a mask has another shape than the image.
    """
    _check(image[..., 0] if image.ndim == 3 and image.shape[-1] == 3 else image, masks)
    picture = _enlarged(image, side).convert("RGB")
    for colour, mask in zip(cycle(colours), masks.values(), strict=False):
        for ink, width, strength in (((0, 0, 0), LINE_WIDTH + 2, 0.45), (colour, LINE_WIDTH, 1.0)):
            line = _outline_opacity(mask, picture.size, width / 2)
            picture.paste(ink, mask=line.point([round(level * strength) for level in range(256)]))
    return picture


def heat(image: Grey, probability: NDArray[np.floating], side: int = 256) -> Image.Image:
    """The image (H, W) under a heat map of the probability (H, W) in [0, 1]: transparent at 0, pale yellow at 1.

    Raises ValueError as `outlined` does.
    """
    _check(image, {"probability": probability})
    grey = np.asarray(_enlarged(image, side), np.float32)[..., None].repeat(3, axis=2)
    picture = Image.fromarray(np.ascontiguousarray(probability, np.float32))
    probabilities = np.clip(np.asarray(picture.resize((grey.shape[1], grey.shape[0]), Image.Resampling.BICUBIC)), 0, 1)
    stops = np.linspace(0, 1, len(HEAT))
    colour = np.stack([np.interp(probabilities, stops, channel) for channel in zip(*HEAT, strict=True)], axis=-1)
    alpha = 0.8 * np.clip(probabilities * 3, 0, 1)[..., None]  # an empty prediction does not change the image
    return Image.fromarray((grey * (1 - alpha) + colour * alpha).round().astype(np.uint8))


def sheet(
    rows: Sequence[Sequence[Panel]],
    title: str = "",
    legend: Sequence[str] = (),
    colours: Sequence[Colour] = COLOURS,
) -> Image.Image:
    """Panels in rows on white, with a title and a legend; rows may differ in length.

    `legend` holds the names of `colours`, in their order. Raises ValueError if there is no panel.
    """
    widths = [sum(panel.image.width + GAP for panel in row) - GAP for row in rows if row]
    if not widths:
        raise ValueError("a sheet needs at least one panel")
    inner = max(max(widths), 320)
    head = _wrapped(title, ImageFont.load_default(TITLE_SIZE), inner)
    parts = [*([_text(head, TITLE_SIZE, TEXT_COLOUR)] if head else []), *_legend(legend, inner, colours)]
    parts += [_row(row) for row in rows if row]
    height = sum(part.height + GAP for part in parts) - GAP
    paper = Image.new("RGB", (inner + 2 * MARGIN, height + 2 * MARGIN), PAPER)
    top = MARGIN
    for part in parts:
        paper.paste(part, (MARGIN, top))
        top += part.height + GAP
    return paper


def _check(image: Grey, others: Mapping[str, NDArray[np.generic]]) -> None:
    if image.ndim != 2 or image.dtype != np.uint8:
        raise ValueError(f"expected a grey uint8 image (H, W), got {image.dtype} {image.shape}")
    for name, other in others.items():
        if other.shape != image.shape:
            raise ValueError(f"{name} has shape {other.shape}, but its image has {image.shape}")


def _enlarged(image: Grey, side: int) -> Image.Image:
    high, wide = image.shape[:2]
    scale = side / max(high, wide)
    size = max(1, round(wide * scale)), max(1, round(high * scale))
    return Image.fromarray(np.ascontiguousarray(image)).resize(size, Image.Resampling.BICUBIC)


def _outline_opacity(mask: NDArray[np.bool_], size: tuple[int, int], half: float) -> Image.Image:
    """Opacity of the mask's outline, which reaches `half` pixels to either side of the edge.

    Blurring a straight edge with standard deviation s gives the normal distribution function of distance / s. Its
    inverse is about logit / 1.7, so the blurred mask gives each pixel's distance to the edge. A structure that is
    thinner than the line is filled, so it stays visible.
    """
    # Fine masks are traced at up to 4 times the picture's resolution; otherwise thin structures would disappear.
    fine = min(max(2, -(-max(mask.shape) // max(size))), 4)
    work = size[0] * fine, size[1] * fine
    filled = Image.fromarray(np.ascontiguousarray(mask, np.uint8) * np.uint8(255))
    filled = filled.resize(work, Image.Resampling.BICUBIC)
    blur = max(half * fine, 0.5 * max(work) / max(mask.shape))  # at least half a mask pixel, to hide steps
    inside = np.clip(np.arange(256, dtype=np.float32) / 255, 1e-3, 1 - 1e-3)  # of each grey level of the blurred mask
    distance = np.abs(np.log(inside / (1 - inside))) / 1.7 * blur
    opacity = (np.clip(half * fine - distance + 0.5, 0, 1) * 255).round().astype(int)
    return filled.filter(ImageFilter.GaussianBlur(blur)).point(opacity.tolist()).resize(size, Image.Resampling.BOX)


def _row(row: Sequence[Panel]) -> Image.Image:
    """Panels side by side. All captions start at the same height, below the tallest image."""
    font = ImageFont.load_default(TEXT_SIZE)
    captions = [_wrapped(panel.caption, font, panel.image.width) for panel in row]
    texts = [_text(caption, TEXT_SIZE, CAPTION_COLOUR) if caption else None for caption in captions]
    tall = max(panel.image.height for panel in row)
    below = max((text.height + 4 for text in texts if text), default=0)
    strip = Image.new("RGB", (sum(panel.image.width + GAP for panel in row) - GAP, tall + below), PAPER)
    left = 0
    for panel, text in zip(row, texts, strict=True):
        strip.paste(panel.image, (left, tall - panel.image.height))
        if text:
            strip.paste(text, (left, tall + 4))
        left += panel.image.width + GAP
    return strip


def _legend(names: Sequence[str], width: int, colours: Sequence[Colour]) -> list[Image.Image]:
    """Lines of coloured squares with names; at most `width` pixels wide, unless a single name is wider."""
    font = ImageFont.load_default(TEXT_SIZE)
    square, lines = TEXT_SIZE, list[Image.Image]()
    left = width + 1  # the first name opens a line
    for colour, name in zip(cycle(colours), names, strict=False):
        need = square + 5 + round(font.getlength(name)) + 14
        if left + need > width:
            lines.append(Image.new("RGB", (width, square + 6), PAPER))
            left = 0
        pen = ImageDraw.Draw(lines[-1])
        pen.rounded_rectangle((left, 3, left + square - 1, square + 2), radius=3, fill=colour, outline=CAPTION_COLOUR)
        pen.text((left + square + 5, 1), name, TEXT_COLOUR, font)
        left += need
    return lines


def _text(lines: Sequence[str], size: int, colour: Colour) -> Image.Image:
    font = ImageFont.load_default(size)
    wide = max(round(font.getlength(line)) for line in lines) + 2
    image = Image.new("RGB", (wide, round(size * 1.3) * len(lines) + 2), PAPER)
    for number, line in enumerate(lines):
        ImageDraw.Draw(image).text((0, round(size * 1.3) * number), line, colour, font)
    return image


def _wrapped(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> list[str]:
    """Lines of at most `width` pixels; a word that is longer than a line is split."""
    lines = list[str]()
    for paragraph in text.splitlines():
        lines.append("")
        for word in paragraph.split():
            line = f"{lines[-1]} {word}".lstrip()
            if font.getlength(line) <= width:
                lines[-1] = line
                continue
            pieces = _split_word(word, font, width)
            lines[-1:] = [*([lines[-1]] if lines[-1] else []), *pieces]
    return lines


def _split_word(word: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> list[str]:
    pieces = [""]
    for letter in word:
        if pieces[-1] and font.getlength(pieces[-1] + letter) > width:
            pieces.append("")
        pieces[-1] += letter
    return pieces
