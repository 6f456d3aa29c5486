"""Which names of archive members may become paths on disk."""

import os
import re
from fnmatch import fnmatchcase

from pipeline.manifest.path_pattern import composed

MAX_DEPTH, MAX_PATH_BYTES, MAX_PART_BYTES = 64, 1024, 255  # limits of common file systems


def name_parts(name: str) -> list[str]:
    """The parts of a member's name, without empty ones and "."."""
    return [part for part in name.split("/") if part not in ("", ".")]


def matches(name: str, pattern: str) -> bool:
    """Whether a name matches a pattern of the manifest; capitals and the encoding of accents make no difference."""
    return fnmatchcase(composed(name).lower(), composed(pattern).lower())


def unsafe_name(name: str) -> str | None:
    """Why a name may not become a path; None if it may.

    tarfile and zipfile silently change or cut such names, so this looks at the name as it is stored.
    """
    parts = name_parts(name) or [""]
    if name.startswith("/") or re.match(r"[A-Za-z]:", parts[0]):
        return "an absolute path"
    if ".." in parts:
        return "a path that leads out of the folder"
    if any(ord(letter) < 32 or ord(letter) == 127 or letter == "\\" for letter in name):
        return "a name with control characters or backslashes"
    longest_part = max(len(os.fsencode(part)) for part in parts)
    if len(parts) > MAX_DEPTH or len(os.fsencode(name)) > MAX_PATH_BYTES or longest_part > MAX_PART_BYTES:
        return "a path that is too long for file systems"
    return None
