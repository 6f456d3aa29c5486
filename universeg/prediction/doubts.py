"""How the volumes of a support set are used, and which settings change nothing, in plain words. No torch here."""

from universeg.prediction.examples import Examples, plane_name
from universeg.prediction.settings import Settings


def how_volumes_are_used(examples: Examples) -> list[str]:
    """For volumes: in which plane they are sliced and why, and how many slices are examples."""
    if examples.plane is None:
        return []
    lines = [f"slices are {plane_name(examples.plane)}: {examples.plane.why}"]
    usable = [int(some.sum()) for some in examples.usable]
    whole = [entry.count for entry in examples.images]
    if any(some < len(entry.rows) for some, entry in zip(usable, examples.images, strict=True)):
        pairs = ", ".join(f"{some} of {every}" for some, every in zip(usable[:6], whole[:6], strict=True))
        more = f" and {len(whole) - 6} more volumes" if len(whole) > 6 else ""
        lines.append(f"slices that serve as examples, by support volume: {pairs}{more}")
    return lines


def without_effect(settings: Settings, save_consistency: bool, examples: Examples) -> list[str]:
    """Flags that a person gave and that change nothing, since they are for another kind of images."""
    of_volumes = {
        "--axis": settings.axis is not None,
        "--slices": settings.slices != "all",
        "--propagate": settings.propagate,
        "--save-consistency": save_consistency,
    }
    given, lines = [flag for flag, is_given in of_volumes.items() if is_given], list[str]()
    if given and examples.plane is None:
        lines.append(f"{', '.join(given)}: no effect, since the examples are pictures")
    if settings.channel != "luminance" and all(image.tint is None for image in examples.images):
        lines.append(f"--channel {settings.channel}: no effect, since the examples are grey")
    return lines
