"""One file to download, or a numbered series of files: where it is, what to expect, and how it is unpacked."""

import os
import re
from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from pipeline.backends import URL_FORMS, scheme
from pipeline.fields import FileName, Strict

_RANGE = re.compile(r"{(\d+\.\.\d+|[a-z]{1,3}\.\.[a-z]{1,3})}")
MAX_FILES = 100_000  # of one series


def _relative(path: str) -> str:
    names = path.split("/")
    if "\\" in path or any(name in ("", ".", "..") or min(map(ord, name)) < 32 for name in names):
        raise ValueError(f"{path!r} must be a relative path such as a.zip or folder/a.nii.gz")
    return path


def _url(url: str) -> str:
    scheme(url)  # raises ValueError if no backend can download it
    return url


Digest = Annotated[str, Field(pattern=r"^(sha256:[0-9a-f]{64}|md5:[0-9a-f]{32})$")]
RelativePath = Annotated[str, Field(min_length=1, max_length=400), AfterValidator(_relative)]


class SourceFile(Strict):
    """A file to download: `url`, or `get` for a person. With both, `get` says what to do if the download fails."""

    file: RelativePath = Field(
        description="Path of the file in the download folder; {001..020} here and in `url` means 20 files"
    )
    name: FileName | None = Field(
        None,
        description="Folder under downloads/; default: the dataset's name. Datasets with the same archive share it",
    )
    url: Annotated[str, AfterValidator(_url)] | None = Field(None, description=f"One of: {'; '.join(URL_FORMS)}")
    get: str | None = Field(None, description="What a person must do to get the file, step by step")
    bytes: Annotated[int, Field(gt=0)] | None = Field(None, description="Size of the file; it is checked")
    about_bytes: Annotated[int, Field(gt=0)] | None = Field(
        None, description="Size as the owner rounds it, in a series of each file; only for forecasts"
    )
    digest: Digest | None = Field(
        None,
        description="Digest of the downloaded file; it is checked. Omit it if the server packs the file anew each time",
    )
    digests: dict[str, Digest] = Field(
        {},
        description="Path of an unpacked file to its digest, for archives that the server packs anew each time",
    )
    members: tuple[str, ...] = Field((), description="Unpack only the files that match one of these patterns")
    nested: tuple[str, ...] = Field(
        (), description="Patterns of archives inside the archive; they are unpacked into the folder that they are in"
    )
    unpacked_bytes: Annotated[int, Field(gt=0)] | None = Field(
        None,
        description="Bytes that the archive may unpack to; default: 1 GiB, or 200 times its own size if that is more."
        " An archive of label maps may need more",
    )
    password: str | None = Field(
        None, description="The published password of the archive; or $NAME, an environment variable with the password"
    )
    unpack: bool = Field(True, description="Whether to unpack the file; if not, it is used as it is")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.url is None and self.get is None:
            raise ValueError("give 'url', or 'get' (what a person must do), or both")
        ranges = _RANGE.findall(self.file)
        if len(ranges) > 1:
            raise ValueError(f"{self.file!r} has more than one {{first..last}}")
        if ranges and (self.bytes or self.digest):
            raise ValueError("'bytes' and 'digest' are facts of one file; for several files give 'digests'")
        if self.url is not None and set(_RANGE.findall(self.url)) != set(ranges):
            raise ValueError("'file' and 'url' must have the same {first..last}")
        if self.password == "$" or (self.password or "").startswith("$ "):
            raise ValueError("'password' must be the password, or $ and the name of an environment variable")
        _ = self.each  # so that a wrong {first..last} raises here
        return self

    @cached_property
    def each(self) -> tuple[Self, ...]:
        """The single files: this one, or one for each number of {first..last}."""
        found = _RANGE.search(self.file)
        if not found:
            return (self,)
        names = {number: self.file.replace(found[0], number) for number in _numbers(*found[1].split(".."))}
        urls = {number: self.url and self.url.replace(found[0], number) for number in names}
        return tuple(self.model_copy(update={"file": names[n], "url": urls[n]}) for n in names)

    @property
    def variable(self) -> str | None:
        """The environment variable that must contain the password; None if the password is published or not needed."""
        return self.password[1:] if self.password and self.password.startswith("$") else None

    @property
    def secret(self) -> str | None:
        """The password; None if none is needed, or its variable is not set."""
        return os.environ.get(self.variable) if self.variable else self.password


def _numbers(first: str, last: str) -> Iterator[str]:
    """From first to last, with as many digits or letters as the first: 08, 09, 10, or ay, az, ba."""
    if first.isdecimal():
        low, high = int(first), int(last)
    else:
        low, high = _letters_to_number(first), _letters_to_number(last)
    if len(first) > len(last) or not low <= high < low + MAX_FILES:
        raise ValueError(f"{{{first}..{last}}} must go up, by less than {MAX_FILES}")
    for number in range(low, high + 1):
        yield f"{number:0{len(first)}d}" if first.isdecimal() else _number_to_letters(number, len(first))


def _letters_to_number(letters: str) -> int:
    return sum((ord(letter) - ord("a")) * 26**place for place, letter in enumerate(reversed(letters)))


def _number_to_letters(number: int, width: int) -> str:
    return "".join(chr(ord("a") + number // 26**place % 26) for place in reversed(range(width)))
