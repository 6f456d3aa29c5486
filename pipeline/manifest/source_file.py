"""One file to obtain, or a numbered row of them: from which address, or by whom, and what must come."""

import os
import re
from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from pipeline.backends import URL_FORMS, scheme
from pipeline.fields import FileName, Strict

_RANGE = re.compile(r"{(\d+\.\.\d+|[a-z]{1,3}\.\.[a-z]{1,3})}")
_MOST = 100_000


def _relative(path: str) -> str:
    names = path.split("/")
    if "\\" in path or any(name in ("", ".", "..") or min(map(ord, name)) < 32 for name in names):
        raise ValueError(f"{path!r} must be a plain path like a.zip or folder/a.nii.gz")
    return path


def _address(url: str) -> str:
    scheme(url)
    return url


Digest = Annotated[str, Field(pattern=r"^(sha256:[0-9a-f]{64}|md5:[0-9a-f]{32})$")]
RelativePath = Annotated[str, Field(min_length=1, max_length=400), AfterValidator(_relative)]


class SourceFile(Strict):
    """A file to obtain: from `url`, or by a person who follows `get`; with both, a person where `url` does not do."""

    file: RelativePath = Field(description="Its name; {001..020} in it and in `url` stands for as many files")
    name: FileName | None = Field(None, description="Folder under downloads/; datasets that share an archive share it")
    url: Annotated[str, AfterValidator(_address)] | None = Field(None, description=f"One of: {'; '.join(URL_FORMS)}")
    get: str | None = Field(None, description="What a person must do, step by step")
    bytes: Annotated[int, Field(gt=0)] | None = None
    digest: Digest | None = Field(None, description="Of the file as it comes; leave it out where servers pack anew")
    digests: dict[str, Digest] = Field({}, description="Of unpacked files, by path, where servers pack anew each time")
    members: tuple[str, ...] = Field((), description="Unpack only members that match one of these patterns")
    nested: tuple[str, ...] = Field((), description="Members that are archives themselves, unpacked where they lie")
    password: str | None = Field(None, description="As published; or $NAME, the environment variable that holds it")
    unpack: bool = True

    @model_validator(mode="after")
    def _can_be_had(self) -> Self:
        if self.url is None and self.get is None:
            raise ValueError("give 'url', or 'get' with what a person must do, or both")
        ranges = _RANGE.findall(self.file)
        if len(ranges) > 1:
            raise ValueError(f"{self.file!r} may have one {{first..last}}")
        if ranges and (self.bytes or self.digest):
            raise ValueError("'bytes' and 'digest' are of one file; for several give 'digests'")
        if self.url is not None and set(_RANGE.findall(self.url)) != set(ranges):
            raise ValueError("'file' and 'url' must have the same {first..last}")
        if self.password == "$" or (self.password or "").startswith("$ "):
            raise ValueError("'password' must be the password, or $ and the name of an environment variable")
        _ = self.each
        return self

    @cached_property
    def each(self) -> tuple[Self, ...]:
        """This source, or one for each number of its {first..last}."""
        found = _RANGE.search(self.file)
        if not found:
            return (self,)
        names = {number: self.file.replace(found[0], number) for number in _numbers(*found[1].split(".."))}
        urls = {number: self.url and self.url.replace(found[0], number) for number in names}
        return tuple(self.model_copy(update={"file": names[n], "url": urls[n]}) for n in names)

    @property
    def variable(self) -> str | None:
        """The environment variable that must hold the password, if it is not published."""
        return self.password[1:] if self.password and self.password.startswith("$") else None

    @property
    def secret(self) -> str | None:
        """The password; None if there is none, or its variable is not set."""
        return os.environ.get(self.variable) if self.variable else self.password


def _numbers(first: str, last: str) -> Iterator[str]:
    """From first to last, written as wide as the first: 08, 09, 10, or ay, az, ba."""
    if first.isdecimal():
        low, high = int(first), int(last)
    else:
        low, high = _count(first), _count(last)
    if len(first) > len(last) or not low <= high < low + _MOST:
        raise ValueError(f"{{{first}..{last}}} must go up, by fewer than {_MOST}")
    for number in range(low, high + 1):
        yield f"{number:0{len(first)}d}" if first.isdecimal() else _letters(number, len(first))


def _count(letters: str) -> int:
    return sum((ord(letter) - ord("a")) * 26**place for place, letter in enumerate(reversed(letters)))


def _letters(number: int, width: int) -> str:
    return "".join(chr(ord("a") + number // 26**place % 26) for place in reversed(range(width)))
