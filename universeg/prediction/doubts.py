"""How the volumes of a support set are used, in plain words. No torch here."""

from universeg.prediction.examples import Examples, plane_name


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
