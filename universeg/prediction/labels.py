"""The structures of a task: value, name and colour of each. No torch here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from universeg.base.contact_sheet import COLOURS, Colour

ONE = "structure"  # the name of the only structure, if nothing names it
GOLDEN = 0.618034  # steps of hue that never come near each other


@dataclass(frozen=True)
class Label:
    """One structure: its value in masks and results, its name, and its colour (red, green, blue; 0 to 255)."""

    value: int
    name: str
    colour: Colour


def labels_of(values: Iterable[int], known: Mapping[int, Label]) -> tuple[Label, ...]:
    """The structures with these mask values, in their order; `known` has the names and colours that a person gave."""
    found = sorted(values)
    return tuple(
        known.get(value) or Label(value, ONE if len(found) == 1 else f"label {value}", colour(number))
        for number, value in enumerate(found)
    )


def colour(number: int) -> Colour:
    """A colour for the n-th structure, from 0: those of contact sheets first, then others that differ in hue."""
    if number < len(COLOURS):
        return COLOURS[number]
    from colorsys import hsv_to_rgb

    red, green, blue = hsv_to_rgb((number * GOLDEN) % 1, 0.65, 0.95)
    return round(red * 255), round(green * 255), round(blue * 255)
