"""Names of files that every system can store, made from any names."""

import re
from collections.abc import Sequence

LONGEST = 80  # characters


def file_names(names: Sequence[str], default: str = "example") -> list[str]:
    """A file name without ending for each name: letters, digits and _ . + @ = ( ) -, all different, whatever the case.

    Other characters become "_"; a second file of the same name gets "-2". An empty name becomes `default`.
    """
    result, taken = list[str](), set[str]()
    for name in names:
        base = re.sub(r"[^\w.+@=()-]+", "_", name).strip("._ ")[:LONGEST].rstrip("._ ") or default
        base = base if re.match(r"\w", base) else f"x{base}"
        unique, number = base, 2
        while unique.casefold() in taken:
            unique, number = f"{base}-{number}", number + 1
        taken.add(unique.casefold())
        result.append(unique)
    return result
