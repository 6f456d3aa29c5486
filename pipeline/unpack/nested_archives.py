"""Archives inside archives: their content is unpacked in the folder where the inner archive lies.

No shipped manifest needs this. It is for your own manifests: list the inner archives under `nested`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from pipeline.unpack.member import Archive, Member, UnpackError
from pipeline.unpack.safe_names import matches, name_parts, unsafe_name
from pipeline.unpack.zip_tar import BLOCK, Reader, reader_of

MAX_DEPTH = 3  # an archive in an archive in an archive


def expand_nested(
    members: Iterable[Member], archive: Archive, nested: Sequence[str], depth: int = 1
) -> Iterator[Member]:
    """The members, where each one that matches a pattern of `nested` is replaced by the members inside it.

    Raises UnpackError for a match that is no archive, has an unsafe name, or lies too deep.
    """
    for member in members:
        name = "/".join(name_parts(member.name))
        if member.is_folder or not any(matches(name, pattern) for pattern in nested):
            yield member
            continue
        reason = member.refusal or unsafe_name(member.name)
        read = reader_of(name)
        if reason or read is None or depth >= MAX_DEPTH:
            raise UnpackError(f"{name!r} is {reason or 'not an archive, or nested too deep'}; correct `nested`")
        yield from _members_inside(member, read, archive, nested, depth)


def _members_inside(
    member: Member, read: Reader, archive: Archive, nested: Sequence[str], depth: int
) -> Iterator[Member]:
    """The members of an inner archive, which is first copied to scratch: most readers need a seekable file."""
    folder, _, file = "/".join(name_parts(member.name)).rpartition("/")
    scratch = archive.scratch / f"{depth}"
    scratch.mkdir(parents=True, exist_ok=True)
    path = scratch / "inner"
    size = 0
    with member.open() as stream, path.open("wb") as out:
        while block := stream.read(BLOCK):
            size += len(block)
            if size > archive.max_bytes:
                raise archive.too_large(member.name)
            out.write(block)
    with path.open("rb") as raw:
        inner = replace(archive, raw=raw, name=file, scratch=scratch / "more", part_starts=(0,))
        for one in expand_nested(read(inner), inner, nested, depth + 1):
            reason = one.refusal or unsafe_name(one.name)
            yield replace(one, name=f"{folder}/{one.name}" if folder else one.name, refusal=reason)
    path.unlink()
