"""The text of a drafted manifest. Lines that a person must check or complete are marked CHECK."""

from collections.abc import Mapping, Sequence

import yaml

from pipeline.authoring.content import Content

# Modality and intensity by the code of the device in a DICOM file.
DEVICES = {
    "CT": ("CT", "ct"),
    "MR": ("MRI", "mr"),
    "US": ("ultrasound", "unit"),
    **dict.fromkeys(("CR", "DX", "RG", "PX"), ("X-ray", "unit")),
}
COUNTS = "expect: {scans: null, subjects: null}"  # replaced when the scans are counted


def manifest_text(name: str, groups: Sequence[str]) -> str:
    """The manifest as YAML."""
    shown = name if yaml.safe_load(name) == name else quoted(name)  # a plain 1 would be a number
    return f"""\
# yaml-language-server: $schema=schema.json
# Drafted from a folder. A person must check the marked lines; dataset_manifests/README.md explains the keys.
name: {shown}
title: {shown} # CHECK
domain: unknown # CHECK: brain, heart, retina ...
homepage: null
citation: [] # CHECK: who made it, with a DOI
licence: {{name: null, research: unknown, commercial: unknown, redistribution: unknown}} # CHECK
access: application # CHECK: open, registration, application, unavailable
role: train # or held-out: never used for training; extra: also evaluated only if it is named
sources:
  - file: {name}.zip # CHECK; to use the folder as it is, write `have: {{{name}: /folder}}` in the config
    get: "CHECK: write where to get the file, or give 'url'"
groups:
{"".join(groups)}"""


def group_text(name: str, images: Sequence[Content], masks: Sequence[Content]) -> str:
    """A group of images with the same masks."""
    parts = images[0].group.parts
    frame = "    frame: '{session}'\n" if "session" in parts else ""
    return f"""\
  - name: {name} # CHECK
    scans:
{"".join(_scans(image, images) for image in images)}{frame}{_labels(masks, images[0])}
    axes: {[0, 1, 2] if images[0].is_volume else [0]}
    {COUNTS}
"""


def scan_text(
    pattern: str, modality: str, reader: str, intensity: str, parts: Mapping[str, str], why: str = "", stack: str = ""
) -> str:
    """The entry of one pattern of image files; `stack` is the part that numbers slices."""
    given = ", ".join(f"{part}: {quoted(regex)}" for part, regex in parts.items())
    of_parts = f"        parts: {{{given}}}\n" if parts else ""
    slices = " # CHECK: if each file is one slice of a volume, add 'stack'" if reader == "dicom" else ""
    slices = f"\n        stack: {stack} # CHECK: all files of a folder are one scan" if stack else slices
    return f"""\
      - image: {quoted(pattern)}
{of_parts}        modality: {modality} # CHECK: {why}
        reader: {reader}{slices}
        intensity: {intensity} # CHECK: ct (in HU), mr or unit
"""


def quoted(text: str) -> str:
    """The text as a YAML string."""
    return "'" + text.replace("'", "''") + "'"


def plain_name(text: str) -> str:
    """The text without the letters that names in manifests cannot have."""
    return " ".join("".join(" " if letter in "/@~" or ord(letter) < 32 else letter for letter in text).split())[:80]


def _scans(image: Content, images: Sequence[Content]) -> str:
    modality, intensity, why = _modality(image)
    if len(images) > 1:
        modality = quoted(_distinguishing_text(image, images))
    is_stack = image.is_volume and image.is_stack
    pattern, stack = (image.group.stack, "slice") if is_stack else (image.group.pattern, "")
    return scan_text(pattern, modality, image.group.reader, intensity, image.group.parts, why, stack)


def _modality(image: Content) -> tuple[str, str, str]:
    """Modality, how intensities are read, and how that is known."""
    if image.device in DEVICES:
        return *DEVICES[image.device], f"the DICOM files say {image.device}"
    why = f"guessed from the number of axes, the names and the lowest value, {image.lowest:g}"
    if image.lowest < -200:
        return "CT", "ct", why
    return ("MRI", "mr", why) if image.is_volume else ("unknown", "unit", why)


def _labels(masks: Sequence[Content], image: Content) -> str:
    number = _number_of_slices(masks, image)
    stack = f"      stack: {number}\n" if number else ""
    if len(masks) == 1:
        mask = masks[0]
        return f"""\
    labels:
{_kind(mask)}
      path: {quoted(_path(mask, number))}
{stack}      reader: {mask.group.reader}
      names: {_names(mask)}"""
    names = "\n".join(
        f"        {quoted(_distinguishing_text(mask, masks))}: {quoted(_path(mask, number))}" for mask in masks
    )
    half = max((_half(mask) for mask in masks if mask.is_blurred), default=0)
    fits = half and all(mask.values and max(mask.values) > half for mask in masks)
    above = f"      above: {half} # there are values between 0 and the largest, from JPEG or resizing\n" if fits else ""
    return f"""\
    labels:
      kind: files # CHECK: each image has several masks. If they are from several observers, keep one
{stack}      reader: {masks[0].group.reader}
{above}      names:
{names}"""


def _number_of_slices(masks: Sequence[Content], image: Content) -> str:
    """The part that numbers the slices of masks: the image's own if the numbers are the same; "" if they have none."""
    if not (image.is_stack and all(mask.is_stack for mask in masks)):
        return ""
    own = image.group.slices
    same = all(own[name].keys() == mask.group.slices[name].keys() for mask in masks for name in _shared(mask, image))
    return "slice" if same else "n"


def _shared(mask: Content, image: Content) -> set[str]:
    return image.group.files.keys() & mask.group.files.keys()


def _path(mask: Content, number: str) -> str:
    """The pattern of the files of a mask, with the part that numbers its slices if it has them."""
    return mask.group.stack.replace("{slice}", f"{{{number}}}") if number else mask.group.pattern


def _kind(mask: Content) -> str:
    if mask.is_blurred:
        return "      kind: ranges # there are values between 0 and the largest, from JPEG or resizing"
    return f"      kind: {'colours' if mask.colours else 'values'}"


def _names(mask: Content) -> str:
    if mask.colours:
        named = ", ".join(
            f"{quoted('colour ' + ' '.join(map(str, colour)))}: {list(colour)}"
            for colour in mask.colours
            if any(colour)
        )
        return f"{{{named}}} # CHECK: black is taken as background"
    if mask.is_blurred:
        return f"{{label: [{_half(mask) + 1}, {max(mask.values)}]}} # CHECK: the upper half of the values"
    outside = min(mask.values)
    names = {value: quoted(plain) for value, name in mask.names.items() if (plain := plain_name(name))}
    named = ", ".join(f"{value}: {names.get(value, f'label {value}')}" for value in mask.values if value != outside)
    return f"{{{named}}} # CHECK: the values are {mask.values}; {outside} is taken as background"


def _half(mask: Content) -> int:
    return max(mask.values) // 2


def _distinguishing_text(mask: Content, masks: Sequence[Content]) -> str:
    """The part of a pattern that differs from the other patterns; whole words in place of a number, as in T1w."""
    patterns = [other.group.pattern for other in masks]
    mine = mask.group.pattern
    start = next((n for n, letters in enumerate(zip(*patterns, strict=False)) if len(set(letters)) > 1), 0)
    turned = [pattern[::-1] for pattern in patterns]
    stop = next((n for n, letters in enumerate(zip(*turned, strict=False)) if len(set(letters)) > 1), 0)
    end = len(mine) - stop
    if mine[start:end].isdigit():
        while start and mine[start - 1].isalnum():
            start -= 1
        while end < len(mine) and mine[end].isalnum():
            end += 1
    return mine[start:end].strip("_-. /").replace("/", " ") or mine.replace("/", " ")
