"""Which label files, or rows of a table, belong to which image, by the values of the parts that both have."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pipeline.manifest.path_pattern import same_but_for_zeros, without_zeros

Key = tuple[str, ...]  # values of the parts that images and items share
Item = TypeVar("Item")


@dataclass(frozen=True)
class Owner:
    """What decides which items an image has."""

    key: Key
    root: str  # the leading folders that its pattern does not mention
    file: str  # for messages


class Owners(Generic[Item]):
    """The items of each image: those with an equal key, else those whose key differs only in zeros before numbers.

    An item that has an image with an equal key belongs to no other image. `case_01` does not get the label of `case_1`
    if there is an image `case_1`.
    """

    def __init__(self, items: Iterable[tuple[Key, str, Item]], images: Iterable[Owner]) -> None:
        """Each item is given with its key and its leading folders; `images` are all images that may own one."""
        self._items = list(items)
        self._equal: dict[Hashable, list[int]] = defaultdict(list)
        self._similar: dict[Hashable, list[int]] = defaultdict(list)
        for number, (key, _, _) in enumerate(self._items):
            self._equal[key].append(number)
            self._similar[_without_zeros(key)].append(number)
        images = list(images)
        self._owned = {number for image in images for number in self._with_equal_key(image)}
        self._images: dict[int, dict[Key, str]] = defaultdict(dict)  # item -> keys of its images, each with a file
        for image in images:
            for number in self._numbers(image):
                self._images[number].setdefault(image.key, image.file)

    def of(self, image: Owner) -> list[Item]:
        """The items of an image."""
        return [self._items[number][2] for number in self._numbers(image)]

    def rivals(self, image: Owner) -> list[str]:
        """Files of all images that have the same items under another key; empty if there are none.

        The keys differ only in zeros, and no image has the item's own key. So it is unknown which image owns the item.
        """
        images = (self._images[number] for number in self._numbers(image))
        return next((sorted(files.values()) for files in images if len(files) > 1), [])

    def _numbers(self, image: Owner) -> list[int]:
        """Positions of an image's items."""
        if equal := self._with_equal_key(image):
            return equal
        similar = self._similar.get(_without_zeros(image.key), [])
        free = [number for number in similar if number not in self._owned and self._fits(number, image.key)]
        return self._in_root(free, image.root)

    def _fits(self, number: int, key: Key) -> bool:
        return all(map(same_but_for_zeros, self._items[number][0], key))

    def _with_equal_key(self, image: Owner) -> list[int]:
        return self._in_root(self._equal.get(image.key, []), image.root)

    def _in_root(self, numbers: Sequence[int], root: str) -> list[int]:
        """Of items in several copies of a tree, those in the image's copy."""
        if len({self._items[number][1] for number in numbers}) > 1:
            return [number for number in numbers if self._items[number][1] == root] or list(numbers)
        return list(numbers)


def _without_zeros(key: Key) -> Key:
    return tuple(map(without_zeros, key))
